//! Pages: sizes, and the opaque tokens that say where the next one begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{AdminError, violation};
use crate::backends::Violation;

const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: usize = 1000;
/// First byte of every token, so that a later format can tell the old ones apart.
const TOKEN_VERSION: u8 = 1;

/// One page of a short list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; empty: there is none.
    pub next_page_token: String,
}

/// How many to answer with: 0 means the default, more than the largest means the largest.
pub(super) fn page_size(asked: i32, violations: &mut Vec<Violation>) -> usize {
    match usize::try_from(asked) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) => size.min(LARGEST_SIZE),
        Err(_) => {
            violations.push(violation("page_size", "must not be negative"));
            DEFAULT_SIZE
        }
    }
}

/// The token of the page that begins after this name.
pub(super) fn token_after(name: &str) -> String {
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend_from_slice(name.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The name after which the page begins; empty for the first page.
pub(super) fn name_before(token: &str, violations: &mut Vec<Violation>) -> String {
    if token.is_empty() {
        return String::new();
    }
    decoded(token).unwrap_or_else(|| {
        violations.push(violation("page_token", "is not a token that this service gave out"));
        String::new()
    })
}

fn decoded(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (version, name) = bytes.split_first()?;
    if *version != TOKEN_VERSION {
        return None;
    }
    String::from_utf8(name.to_vec()).ok()
}

/// The page of a list that is in memory; its tokens count, because the order is not that of names.
pub(super) fn page_of<T>(items: Vec<T>, size: i32, token: &str) -> Result<Page<T>, AdminError> {
    let mut violations = Vec::new();
    let size = page_size(size, &mut violations);
    let start: usize = match name_before(token, &mut violations).as_str() {
        "" => 0,
        count => count.parse().unwrap_or_else(|_| {
            violations.push(violation("page_token", "belongs to another list"));
            0
        }),
    };
    AdminError::unless_empty(violations)?;
    let end = start.saturating_add(size);
    let next_page_token = if end < items.len() {
        token_after(&end.to_string())
    } else {
        String::new()
    };
    Ok(Page {
        items: items.into_iter().skip(start).take(size).collect(),
        next_page_token,
    })
}

#[cfg(test)]
mod tests {
    use super::{AdminError, name_before, page_of, page_size, token_after};

    #[test]
    fn a_token_leads_back_to_its_name() {
        let mut violations = Vec::new();
        assert_eq!(name_before(&token_after("zoë"), &mut violations), "zoë");
        assert_eq!(violations, Vec::new());
    }

    #[test]
    fn a_token_from_elsewhere_is_a_violation() {
        for token in ["!!", "AmFubg", "_w"] {
            let mut violations = Vec::new();
            name_before(token, &mut violations);
            assert_eq!(violations.len(), 1, "{token}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let mut violations = Vec::new();
        assert_eq!(page_size(0, &mut violations), 100);
        assert_eq!(page_size(7, &mut violations), 7);
        assert_eq!(page_size(5000, &mut violations), 1000);
        assert!(violations.is_empty());
        page_size(-1, &mut violations);
        assert_eq!(violations[0].field, "page_size");
    }

    #[test]
    fn pages_of_a_list_cover_it_once() {
        let first = page_of(vec![1, 2, 3], 2, "").unwrap();
        assert_eq!(first.items, [1, 2]);
        let second = page_of(vec![1, 2, 3], 2, &first.next_page_token).unwrap();
        assert_eq!((second.items, second.next_page_token), (vec![3], String::new()));
    }

    #[test]
    fn a_token_of_the_users_is_refused_by_a_list() {
        assert!(matches!(
            page_of(vec![1], 2, &token_after("ann")),
            Err(AdminError::Invalid(_))
        ));
    }
}
