//! The name that was probably meant by one that does not exist.

/// What to say of a name that is none of these.
pub fn unknown(name: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(name, known) {
        Some(near) => format!("is unknown; did you mean `{near}`? Known are {list}"),
        None => format!("is unknown; known are {list}"),
    }
}

/// The candidate that few strokes make of `word`, or that begins with it or within it.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let tolerated = (word.len() / 3).max(1);
    let near = candidates
        .iter()
        .map(|c| (distance(word, c), *c))
        .min()
        .filter(|(d, _)| *d <= tolerated);
    let begins = || {
        candidates
            .iter()
            .find(|c| !word.is_empty() && (c.starts_with(word) || word.starts_with(**c)))
            .copied()
    };
    near.map(|(_, candidate)| candidate).or_else(begins)
}

/// How many characters to insert, drop or replace to make `b` of `a` (Levenshtein, one row at a time).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            let replaced = diagonal + usize::from(from != to);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest, unknown};

    #[test]
    fn distance_counts_strokes() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_key_is_suggested_and_a_far_one_is_not() {
        let keys = ["heartbeat_ms", "election_min_ms", "listen"];
        assert_eq!(nearest("hartbeat_ms", &keys), Some("heartbeat_ms"));
        assert_eq!(nearest("heartbeat", &keys), Some("heartbeat_ms"));
        assert_eq!(nearest("listne", &keys), Some("listen"));
        assert_eq!(nearest("colour", &keys), None);
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        assert_eq!(
            unknown("salt_postion", &["name", "salt_position"]),
            "is unknown; did you mean `salt_position`? Known are name, salt_position"
        );
        assert_eq!(unknown("colour", &["name"]), "is unknown; known are name");
        assert_eq!(unknown("", &["name"]), "is unknown; known are name");
    }
}
