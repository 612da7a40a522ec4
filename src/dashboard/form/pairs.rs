//! Texts of several lines, each `name: value`.

use std::collections::BTreeMap;

use crate::dashboard::ui::Faults;

/// Name and value of each line, without the spaces around them; or what is wrong with the line. Empty lines mean nothing.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = Result<(&str, &str), String>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| {
        let pair = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        pair.ok_or_else(|| format!("line {} is not `name: value`", at + 1))
    })
}

/// Texts by their names, as the field of that name holds them.
pub(in crate::dashboard) fn texts_by_name(text: &str, field: &str, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for pair in pairs(text) {
        match pair {
            Ok((name, value)) => {
                texts.insert(name.to_owned(), value.to_owned());
            }
            Err(why) => faults.add(field, why),
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::{Faults, texts_by_name};

    #[test]
    fn each_line_has_a_name_and_a_value_and_each_that_has_not_is_told() {
        let mut faults = Faults::default();
        let texts = texts_by_name("a: 1\n\n b :2: 3 \nc\n", "attributes", &mut faults);
        let texts: Vec<_> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(texts, [("a", "1"), ("b", "2: 3")]);
        assert_eq!(faults.of_field("attributes"), Some("line 4 is not `name: value`"));
    }
}
