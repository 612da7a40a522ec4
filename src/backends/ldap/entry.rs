//! An entry of a directory, as it came, and what it says of a client.

use ldap3::asn1::StructureTag;
use serde_json::{Value, json};

use super::result::nonsense;
use super::settings::Attributes;
use crate::auth::{AclRule, Identity, ProviderError, Timestamp};
use crate::backends::account::is_true;
use crate::backends::{acl, json};
use crate::words;

/// Whether the user may log in at all: EMQX's name for it.
pub(super) const IS_ENABLED: &str = "isEnabled";

/// An entry. It cannot be printed, since it may hold hashes.
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// Takes an entry apart; `None` if it is none.
    pub(super) fn read(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.expect_constructed()?.into_iter();
        let dn = text(parts.next()?)?;
        let mut attributes = Vec::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = text(parts.next()?)?;
            let values = parts.next()?.expect_constructed()?;
            let values = values.into_iter().map(StructureTag::expect_primitive);
            attributes.push((name, values.collect::<Option<_>>()?));
        }
        Some(Self { dn, attributes })
    }

    /// The names of its attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// The values of an attribute, whose name may be written in either case.
    pub(super) fn values(&self, name: &str) -> &[Vec<u8>] {
        let mut named = self.attributes.iter();
        named
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map_or(&[], |(_, values)| values)
    }

    fn texts(&self, name: &str) -> Result<Vec<&str>, ProviderError> {
        self.values(name)
            .iter()
            .map(|value| std::str::from_utf8(value).map_err(|_| nonsense(format!("`{name}` is no text"))))
            .collect()
    }

    /// The only value of an attribute. The order of several means nothing, so none of them is taken.
    fn only(&self, name: &str) -> Result<Option<&str>, ProviderError> {
        match *self.texts(name)? {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            _ => Err(nonsense(format!("the entry has several values of `{name}`"))),
        }
    }

    fn is_true(&self, name: &str) -> Result<Option<bool>, ProviderError> {
        let said = self.only(name)?;
        Ok(said.map(|said| is_true(&Value::from(said.to_ascii_lowercase()))))
    }

    /// Whether it says that the user may not log in.
    pub(super) fn is_disabled(&self) -> Result<bool, ProviderError> {
        Ok(self.is_true(IS_ENABLED)? == Some(false))
    }

    /// What the client may who is let in.
    pub(super) fn identity(&self, attributes: &Attributes, now: Timestamp) -> Result<Identity, ProviderError> {
        let acl = self.rules(attributes)?;
        // As in EMQX, the time is that of the rules.
        let expire_at = match &attributes.acl_ttl {
            Some(name) if !acl.is_empty() => self.end(name, now)?,
            _ => None,
        };
        Ok(Identity {
            is_superuser: self.is_true(&attributes.is_superuser)?.unwrap_or(false),
            client_id_override: self
                .only(&attributes.client_id_override)?
                .unwrap_or_default()
                .to_owned(),
            expire_at,
            acl,
            ..Identity::default()
        })
    }

    /// In EMQX's order: topics for everything, for publishing, for subscribing, and whole rules.
    fn rules(&self, attributes: &Attributes) -> Result<Vec<AclRule>, ProviderError> {
        let mut rules = Vec::new();
        for (action, name) in [
            ("all", &attributes.all),
            ("publish", &attributes.publish),
            ("subscribe", &attributes.subscribe),
        ] {
            let Some(name) = name else { continue };
            for topic in self.texts(name)? {
                rules.push(json!({"permission": "allow", "action": action, "topic": topic}));
            }
        }
        if let Some(name) = &attributes.acl_rule {
            for text in self.texts(name)? {
                // Read as the member of an object, so that what stands twice is refused.
                let rule = [r#"{"rules":"#, text, "}"].concat();
                match json::object(rule.as_bytes())
                    .ok()
                    .and_then(|mut rule| rule.remove("rules"))
                {
                    Some(Value::Array(several)) => rules.extend(several),
                    Some(rule) => rules.push(rule),
                    None => return Err(nonsense(format!("`{name}` is no JSON"))),
                }
            }
        }
        acl::rules(&Value::Array(rules)).map_err(|why| nonsense(format!("the entry {why}")))
    }

    fn end(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, ProviderError> {
        let Some(text) = self.only(name)? else {
            return Ok(None);
        };
        let lives = words::duration(text).map_err(|_| nonsense(format!("`{name}` is no time like `1h30m`")))?;
        let lives = u64::try_from(lives.as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Timestamp(now.0.saturating_add(lives))))
    }
}

fn text(tag: StructureTag) -> Option<String> {
    String::from_utf8(tag.expect_primitive()?).ok()
}

#[cfg(test)]
impl Entry {
    /// For tests: an entry of these attributes.
    pub(super) fn of(attributes: &[(&str, &[&str])]) -> Self {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        Self {
            dn: "uid=ada,dc=io".to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, values)| ((*name).to_owned(), bytes(values)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::parse_tag;

    use super::Entry;
    use crate::auth::{Identity, ProviderError, Reason, Timestamp};
    use crate::backends::ldap::settings::Attributes;

    fn attributes() -> Attributes {
        Attributes {
            password: None,
            is_superuser: "isSuperuser".to_owned(),
            client_id_override: "clientIdOverride".to_owned(),
            publish: Some("mqttPub".to_owned()),
            subscribe: Some("mqttSub".to_owned()),
            all: Some("mqttPubSub".to_owned()),
            acl_rule: Some("mqttRule".to_owned()),
            acl_ttl: Some("mqttTtl".to_owned()),
        }
    }

    fn identity(named: &[(&str, &[&str])]) -> Result<Identity, ProviderError> {
        Entry::of(named).identity(&attributes(), Timestamp(1000))
    }

    #[test]
    fn a_whole_entry_is_read() {
        let identity = identity(&[
            ("ISSUPERUSER", &["TRUE"]),
            ("clientIdOverride", &["c1"]),
            ("mqttPub", &["p/1", "p/2"]),
            ("mqttSub", &["s/#"]),
            ("mqttPubSub", &["a"]),
            (
                "mqttRule",
                &[
                    r#"{"permission": "deny", "action": "all", "topic": "x"}"#,
                    r#"[{"permission": "allow", "action": "publish", "topics": ["y", "z"]}]"#,
                ],
            ),
            ("mqttTtl", &["1m"]),
        ])
        .unwrap();
        assert!(identity.is_superuser);
        assert_eq!(identity.client_id_override, "c1");
        assert_eq!(identity.expire_at, Some(Timestamp(61_000)));
        let rules: Vec<_> = identity
            .acl
            .iter()
            .map(|rule| format!("{} {} {}", rule.permission, rule.action, rule.topic))
            .collect();
        assert_eq!(
            rules,
            [
                "allow all a",
                "allow publish p/1",
                "allow publish p/2",
                "allow subscribe s/#",
                "deny all x",
                "allow publish y",
                "allow publish z",
            ]
        );
    }

    #[test]
    fn without_rules_their_time_means_nothing() {
        assert_eq!(identity(&[("mqttTtl", &["1m"])]).unwrap(), Identity::default());
    }

    #[test]
    fn what_is_not_understood_is_a_failure() {
        for named in [
            ("clientIdOverride", &["a", "b"][..]),
            ("isSuperuser", &["TRUE", "FALSE"]),
            ("mqttPub", &[""]),
            ("mqttRule", &["x"]),
            ("mqttRule", &[r#"{"permission": "allow"}"#]),
            ("mqttRule", &[r#"[], "rules": []"#]),
        ] {
            assert_eq!(
                identity(&[named]).unwrap_err().reason,
                Reason::BackendBadResponse,
                "{named:?}"
            );
        }
        let named: &[(&str, &[&str])] = &[("mqttPub", &["a"]), ("mqttTtl", &["soon"])];
        assert_eq!(identity(named).unwrap_err().reason, Reason::BackendBadResponse);
    }

    #[test]
    fn only_a_user_who_is_said_to_be_disabled_is() {
        for (values, disabled) in [
            (&[][..], false),
            (&["TRUE"], false),
            (&["1"], false),
            (&["FALSE"], true),
            (&["no"], true),
        ] {
            assert_eq!(
                Entry::of(&[("isEnabled", values)]).is_disabled().unwrap(),
                disabled,
                "{values:?}"
            );
        }
    }

    #[test]
    fn what_is_no_entry_is_not_read_as_one() {
        for bytes in [
            &[0x64, 0][..],
            &[0x64, 2, 4, 0],
            &[0x44, 2, 4, 0],
            &[0x64, 4, 4, 0, 4, 0],
            &[0x64, 6, 4, 0, 0x30, 2, 0x30, 0],
            &[0x64, 5, 4, 1, 0xff, 0x30, 0],
        ] {
            let (_, tag) = parse_tag(bytes).unwrap();
            assert!(Entry::read(tag).is_none(), "{bytes:?}");
        }
    }
}
