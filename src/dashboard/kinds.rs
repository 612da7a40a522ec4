//! The mechanisms as the wizard offers them.

/// Name, title, what it is for.
pub(super) static MECHANISMS: &[(&str, &str, &str)] = &[
    (
        "password_based",
        "Password",
        "Clients send a username or client ID and a password.",
    ),
    (
        "jwt",
        "Token (JWT)",
        "Clients send a token that somebody else has signed.",
    ),
    (
        "scram",
        "SCRAM",
        "MQTT 5 enhanced authentication: the password itself is never sent.",
    ),
    (
        "cinfo",
        "Client information",
        "Rules about what is known of a client: its certificate, its address, its names.",
    ),
];

/// What a mechanism is called.
pub(super) fn mechanism_word(mechanism: &str) -> &str {
    let known = MECHANISMS.iter().find(|(name, ..)| *name == mechanism);
    known.map_or(mechanism, |(_, title, _)| title)
}

#[cfg(test)]
mod tests {
    use super::mechanism_word;

    #[test]
    fn every_mechanism_there_is_can_be_chosen() {
        for kind in crate::admin::kinds() {
            assert_ne!(mechanism_word(kind.mechanism), kind.mechanism, "not offered");
        }
    }
}
