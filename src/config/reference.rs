//! The commented reference: the very file that deploy/ offers, so that the two cannot differ.

/// The commented reference: every key with its default.
pub fn reference() -> String {
    include_str!("../../deploy/portcullis.toml").to_owned()
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;
    use crate::config::Settings;
    use crate::config::load::assemble;

    fn keys(table: &Table, below: &str, found: &mut Vec<String>) {
        for (name, value) in table {
            let path = if below.is_empty() {
                name.clone()
            } else {
                format!("{below}.{name}")
            };
            match value {
                Value::Table(inner) if !inner.is_empty() => keys(inner, &path, found),
                _ => found.push(path),
            }
        }
    }

    #[test]
    fn the_reference_loads_to_exactly_the_defaults() {
        let loaded = assemble("reference", &reference(), []).unwrap();
        let mut defaults = Settings::default();
        // The only key without a usable default.
        defaults.node.id = 1;
        assert_eq!(Table::try_from(loaded).unwrap(), Table::try_from(defaults).unwrap());
    }

    #[test]
    fn the_reference_shows_every_key_there_is() {
        let (mut shown, mut there) = (Vec::new(), Vec::new());
        keys(&toml::from_str(&reference()).unwrap(), "", &mut shown);
        keys(&Table::try_from(Settings::default()).unwrap(), "", &mut there);
        shown.sort();
        there.sort();
        assert_eq!(shown, there);
    }

    #[test]
    fn every_key_of_the_reference_has_a_sentence_above_it() {
        let text = reference();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines
            .windows(2)
            .filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#'))
        {
            assert!(pair[0].starts_with("# "), "`{}` is not explained", pair[1]);
        }
    }
}
