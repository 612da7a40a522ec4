//! Names of what is kept: they say on which node, and nobody guesses them, nor gets one again after a restart.

use crate::admin::error::AdminError;

const RANDOM_BYTES: usize = 12;

/// A new name on that node.
pub(super) fn fresh(node: u64) -> Result<String, AdminError> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| AdminError::Internal(format!("the machine gives no random bytes: {error}")))?;
    Ok(format!("{node}-{}", hex::encode(bytes)))
}

/// The node that keeps what is called so; `None`: nobody gave out such a name.
pub(super) fn node_of(name: &str) -> Option<u64> {
    let (node, random) = name.split_once('-')?;
    let is_random = random.len() == 2 * RANDOM_BYTES && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    node.parse().ok().filter(|_| is_random)
}

#[cfg(test)]
mod tests {
    use super::{fresh, node_of};

    #[test]
    fn a_name_says_whom_to_ask_and_is_never_given_twice() {
        let name = fresh(17).unwrap();
        assert_eq!(node_of(&name), Some(17));
        assert_ne!(fresh(17).unwrap(), name);
    }

    #[test]
    fn what_was_never_a_name_leads_to_nobody() {
        for name in [
            "",
            "1",
            "1-",
            "1-abc",
            "-000000000000000000000000",
            "x-000000000000000000000000",
        ] {
            assert_eq!(node_of(name), None, "{name}");
        }
    }
}
