//! Which records are too weak to be verified unless that is asked for.

/// How such a record calls itself, for showing; `None`: it is not weak.
pub fn weakness(_encoded: &str) -> Option<&'static str> {
    None
}
