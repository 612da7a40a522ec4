//! Access rules as EMQX's authenticators bring them along: lists of topics by action, or a list of rules.

use serde_json::{Map, Value};

use crate::auth::AclRule;

/// A topic filter that matches everything but what begins with `$`, and the one for the rest that brokers have of their own.
const EVERYTHING: [&str; 2] = ["#", "$SYS/#"];

/// Reads rules. An object `{pub, sub, all}` allows these topics and nothing else; a list holds rules that come before the
/// broker's own. Placeholders in topics are the broker's to fill in. Fails with what is wrong: a rule that is only half
/// understood could allow too much.
pub(super) fn rules(value: &Value) -> Result<Vec<AclRule>, &'static str> {
    match value {
        Value::Object(lists) => by_action(lists),
        Value::Array(items) => {
            let mut rules = Vec::new();
            for item in items {
                rules.extend(rule(item)?);
            }
            Ok(rules)
        }
        _ => Err("is neither an object nor a list"),
    }
}

fn by_action(lists: &Map<String, Value>) -> Result<Vec<AclRule>, &'static str> {
    let mut rules = Vec::new();
    for (name, topics) in lists {
        let action = match name.as_str() {
            "pub" => "publish",
            "sub" => "subscribe",
            "all" => "all",
            _ => return Err("has lists beside pub, sub, all"),
        };
        rules.extend(texts(topics)?.into_iter().map(|topic| allow(action, topic)));
    }
    rules.extend(EVERYTHING.map(|topic| AclRule {
        permission: "deny".to_owned(),
        ..allow("all", topic)
    }));
    Ok(rules)
}

fn allow(action: &str, topic: &str) -> AclRule {
    AclRule {
        permission: "allow".to_owned(),
        action: action.to_owned(),
        topic: topic.to_owned(),
        ..AclRule::default()
    }
}

/// One rule of a list, which may be for several topics.
fn rule(value: &Value) -> Result<Vec<AclRule>, &'static str> {
    let fields = value.as_object().ok_or("has a rule that is not an object")?;
    let known = ["permission", "action", "topic", "topics", "qos", "retain"];
    if fields.keys().any(|name| !known.contains(&name.as_str())) {
        return Err("has a rule with a field beside permission, action, topic, topics, qos, retain");
    }
    let word = |name: &str, words: &[&str]| {
        let word = fields.get(name).and_then(Value::as_str)?;
        words.contains(&word).then(|| word.to_owned())
    };
    let pattern = AclRule {
        permission: word("permission", &["allow", "deny"]).ok_or("has a rule whose permission is not allow or deny")?,
        action: word("action", &["publish", "subscribe", "all"])
            .ok_or("has a rule whose action is not publish, subscribe or all")?,
        qos: fields.get("qos").map_or(Ok(Vec::new()), qualities)?,
        retain: fields.get("retain").map_or(Ok(None), retain)?,
        topic: String::new(),
    };
    let topics = match (fields.get("topic"), fields.get("topics")) {
        (Some(topics), None) | (None, Some(topics)) => texts(topics)?,
        _ => return Err("has a rule without topics, or with both topic and topics"),
    };
    let for_topic = |topic: &str| AclRule {
        topic: topic.to_owned(),
        ..pattern.clone()
    };
    Ok(topics.into_iter().map(for_topic).collect())
}

fn texts(value: &Value) -> Result<Vec<&str>, &'static str> {
    let texts: Option<Vec<_>> = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    texts
        .filter(|texts| texts.iter().all(|text| !text.is_empty()))
        .ok_or("has topics that are no texts")
}

fn qualities(value: &Value) -> Result<Vec<u32>, &'static str> {
    let quality = |value: &Value| value.as_u64().filter(|quality| *quality <= 2)?.try_into().ok();
    let qualities: Option<Vec<_>> = match value {
        Value::Array(items) => items.iter().map(quality).collect(),
        one => quality(one).map(|quality| vec![quality]),
    };
    qualities.ok_or("has a rule whose qos is not 0, 1, 2 or a list of them")
}

fn retain(value: &Value) -> Result<Option<bool>, &'static str> {
    match value {
        Value::Bool(retain) => Ok(Some(*retain)),
        Value::String(word) if word == "all" => Ok(None),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(Some(false)),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(Some(true)),
        _ => Err("has a rule whose retain is not true, false or all"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::rules;

    fn shown(value: &serde_json::Value) -> Vec<String> {
        let rules = rules(value).unwrap();
        rules
            .iter()
            .map(|rule| {
                format!(
                    "{} {} {} {:?} {:?}",
                    rule.permission, rule.action, rule.topic, rule.qos, rule.retain
                )
            })
            .collect()
    }

    #[test]
    fn lists_by_action_allow_these_topics_and_nothing_else() {
        assert_eq!(
            shown(&json!({"pub": ["a/${clientid}"], "sub": "b/#", "all": []})),
            [
                "allow publish a/${clientid} [] None",
                "allow subscribe b/# [] None",
                "deny all # [] None",
                "deny all $SYS/# [] None"
            ]
        );
    }

    #[test]
    fn a_list_of_rules_keeps_its_order_and_denies_nothing_by_itself() {
        assert_eq!(
            shown(&json!([
                {"permission": "allow", "action": "publish", "topic": "a", "qos": [0, 1], "retain": true},
                {"permission": "deny", "action": "all", "topics": ["b", "c"], "qos": 2, "retain": "all"},
            ])),
            [
                "allow publish a [0, 1] Some(true)",
                "deny all b [2] None",
                "deny all c [2] None"
            ]
        );
    }

    #[test]
    fn rules_that_are_not_wholly_understood_are_refused() {
        for value in [
            json!("a"),
            json!({"publish": ["a"]}),
            json!({"pub": [1]}),
            json!({"pub": [""]}),
            json!(["a"]),
            json!([{"permission": "allow", "action": "publish"}]),
            json!([{"permission": "maybe", "action": "publish", "topic": "a"}]),
            json!([{"permission": "allow", "action": "read", "topic": "a"}]),
            json!([{"permission": "allow", "action": "all", "topic": "a", "topics": ["a"]}]),
            json!([{"permission": "allow", "action": "all", "topic": "a", "qos": 3}]),
            json!([{"permission": "allow", "action": "all", "topic": "a", "retain": "no"}]),
            json!([{"permission": "allow", "action": "all", "topic": "a", "ipaddr": "10.0.0.0/8"}]),
        ] {
            assert!(rules(&value).is_err(), "{value}");
        }
    }
}
