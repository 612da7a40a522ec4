//! Which field of a form stands for which setting.

use serde_json::{Map, Value};

use super::spec::{Kind, Spec};

/// Every setting that has a field of its own, as faults name it, and the name of that field. Of several alternatives only the one
/// that is chosen can be at fault.
pub(in crate::dashboard) fn places(specs: &[Spec], settings: &Map<String, Value>) -> Vec<(String, String)> {
    let mut places = Vec::new();
    for spec in specs {
        add(spec, "settings", settings.get(&spec.name), &mut places);
    }
    places
}

fn add(spec: &Spec, above: &str, held: Option<&Value>, places: &mut Vec<(String, String)>) {
    let control = format!("{above}.{}", spec.name);
    let value = held.unwrap_or(&spec.default);
    match &spec.kind {
        Kind::Group(specs) => add_all(specs, &control, value, places),
        Kind::OneOf(alternatives) => {
            let chosen = value.get("name").and_then(Value::as_str);
            let chosen = alternatives.iter().find(|(name, _)| Some(name.as_str()) == chosen);
            if let Some((name, alternative)) = chosen
                && let Kind::Group(specs) = &alternative.kind
            {
                add_all(specs, &format!("{control}.{name}"), value, places);
            }
        }
        _ => {}
    }
    places.push((spec.path.clone(), control));
}

fn add_all(specs: &[Spec], above: &str, value: &Value, places: &mut Vec<(String, String)>) {
    for spec in specs {
        add(spec, above, value.get(&spec.name), places);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::places;
    use crate::dashboard::form::specs;

    #[test]
    fn a_parameter_stands_at_the_alternative_that_is_chosen() {
        let schema = json!({"properties": {"hash": {"oneOf": [
            {"title": "bcrypt", "properties": {"name": {"const": "bcrypt"}, "rounds": {"type": "integer"}}},
            {"title": "pbkdf2", "properties": {"name": {"const": "pbkdf2"}, "rounds": {"type": "integer"}}},
        ]}}});
        let settings = json!({"hash": {"name": "pbkdf2", "rounds": "many"}});
        let found = places(&specs(&schema), settings.as_object().unwrap());
        let expected = [
            ("settings.hash.rounds", "settings.hash.pbkdf2.rounds"),
            ("settings.hash", "settings.hash"),
        ];
        assert_eq!(
            found,
            expected.map(|(path, control)| (path.to_owned(), control.to_owned()))
        );
    }
}
