//! `cinfo`: decides on clients by what they bring along, and asks nobody. EMQX's checks, in the language of preconditions.
//!
//! Like every authenticator that holds no exchange, it is passed over for clients that ask for enhanced authentication, as in EMQX:
//! their CONNECT need not name a user, so checks written for the others would judge them by what they have not said yet. Whoever
//! wants to keep such clients away gives the authenticator of that method a precondition.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::backend::{Backend, Context, Opened, Violation, unusable};
use super::expression::{Budget, Precondition};
use super::fields::Fields;
use crate::auth::{
    AuthenticatorKey, BoxFuture, Credentials, Finding, Health, Identity, Provider, ProviderError, Reason, Timestamp,
    Verdict,
};

pub(super) const BACKEND: Backend = Backend {
    mechanism: "cinfo",
    backend: "",
    title: "Client information",
    needs_password: false,
    schema,
    check: |settings| parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |_| false,
    open: |_: &AuthenticatorKey, settings: &Value, context: &Context| -> Opened {
        let (checks, _) = parse(settings).map_err(unusable)?;
        Ok(Arc::new(ClientInfo {
            checks,
            opened: context.clock.now(),
        }))
    },
};

const MOST_CHECKS: usize = 256;
/// Of one check.
const MOST_EXPRESSIONS: usize = 32;
const RESULTS: [(&str, Outcome); 3] = [
    ("allow", Outcome::Allow),
    ("deny", Outcome::Deny),
    ("ignore", Outcome::Ignore),
];

/// What a check means for the clients it is about.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Allow,
    Deny,
    Ignore,
}

/// All of these must hold.
struct Check {
    expressions: Vec<Precondition>,
    outcome: Outcome,
}

/// The checks, and the settings with every default.
type Parsed = (Vec<Check>, Map<String, Value>);

fn parse(settings: &Value) -> Result<Parsed, Vec<Violation>> {
    let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
    let mut checks = Vec::new();
    match fields.get("checks") {
        None => fields.refuse(
            "checks",
            "is required: what clients are checked for, one after the other",
        ),
        Some(Value::Array(given)) if (1..=MOST_CHECKS).contains(&given.len()) => {
            let mut filled = Vec::new();
            for (index, given) in given.iter().enumerate() {
                match check(&fields.path_of(&format!("checks.{index}")), given) {
                    Ok((check, as_kept)) => {
                        checks.push(check);
                        filled.push(Value::Object(as_kept));
                    }
                    Err(faults) => fields.add_faults(faults),
                }
            }
            fields.fill("checks", filled);
        }
        Some(_) => fields.refuse("checks", format!("must be a list of 1 to {MOST_CHECKS} checks")),
    }
    fields.finish().map(|filled| (checks, filled))
}

fn check(path: &str, given: &Value) -> Result<(Check, Map<String, Value>), Vec<Violation>> {
    let mut fields = Fields::of(path, given).map_err(|fault| vec![fault])?;
    let mut expressions = Vec::new();
    if fields.get("is_match").is_none() {
        fields.refuse("is_match", "is required: an expression, or a list of them");
    }
    let is_list = fields.get("is_match").is_some_and(Value::is_array);
    let texts = fields.texts("is_match");
    if texts.len() > MOST_EXPRESSIONS {
        fields.refuse(
            "is_match",
            format!("must not hold more than {MOST_EXPRESSIONS} expressions"),
        );
    } else {
        for (index, text) in texts.into_iter().enumerate() {
            match Precondition::compile(text) {
                Ok(expression) => expressions.push(expression),
                Err(fault) if is_list => fields.refuse(&format!("is_match.{index}"), fault.to_string()),
                Err(fault) => fields.refuse("is_match", fault.to_string()),
            }
        }
    }
    if fields.get("result").is_none() {
        fields.refuse("result", "is required: `allow`, `deny` or `ignore`");
    }
    let outcome = fields.word("result", &RESULTS, Outcome::Deny);
    let filled = fields.finish()?;
    Ok((Check { expressions, outcome }, filled))
}

fn schema() -> Value {
    json!({
        "title": "Client information",
        "description": "Decides on clients by what they bring along. The checks are tried in their order, and the first that is about the client decides; if none is, the next authenticator is asked. Clients that use enhanced authentication are not asked about.",
        "type": "object",
        "properties": {
            "checks": {
                "title": "Checks",
                "description": "What clients are checked for, one after the other.",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_CHECKS,
                "items": {
                    "title": "Check",
                    "description": "Which clients it is about, and what becomes of them.",
                    "type": "object",
                    "properties": {
                        "is_match": {
                            "title": "Is match",
                            "description": "An expression as in preconditions, or a list of expressions that must all hold. One without a value, as by an attribute that the client does not have, is a failure of the authenticator; `coalesce` and `has` help.",
                            "anyOf": [
                                {"type": "string", "minLength": 1},
                                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MOST_EXPRESSIONS},
                            ],
                        },
                        "result": {
                            "title": "Result",
                            "description": "Let the client in, keep it out, or ask the next authenticator.",
                            "enum": RESULTS.map(|(word, _)| word),
                        },
                    },
                    "required": ["is_match", "result"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["checks"],
        "additionalProperties": false,
    })
}

/// A running instance.
struct ClientInfo {
    checks: Vec<Check>,
    opened: Timestamp,
}

impl ClientInfo {
    /// All checks together may do as much work as one precondition.
    fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let budget = Budget::new();
        for (index, check) in self.checks.iter().enumerate() {
            if check.is_about(index, credentials, &budget)? {
                let detail = format!("by check {index}");
                return Ok(match check.outcome {
                    Outcome::Allow => Verdict::Allow(Box::new(Identity {
                        detail,
                        ..Identity::default()
                    })),
                    // EMQX's word for it. It is also the one that tells a client the least of what it is judged by.
                    Outcome::Deny => Verdict::Deny(Finding::new(Reason::BadUsernameOrPassword, detail).into()),
                    Outcome::Ignore => Verdict::Ignore(Finding::new(Reason::NotAuthorized, detail)),
                });
            }
        }
        let detail = "no check is about the client";
        Ok(Verdict::Ignore(Finding::new(Reason::NotAuthorized, detail)))
    }
}

impl Check {
    /// An expression without a value is a failure, where EMQX goes on to the next check: whoever could provoke it would get past a
    /// check that keeps him out. The ones behind one that does not hold are not looked at.
    fn is_about(&self, index: usize, credentials: &Credentials, budget: &Budget) -> Result<bool, ProviderError> {
        for (position, expression) in self.expressions.iter().enumerate() {
            match expression.holds_within(credentials, budget) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(trouble) => {
                    let why = format!("expression {position} of check {index} has no value: {trouble}");
                    return Err(ProviderError::new(Reason::PreconditionError, why));
                }
            }
        }
        Ok(true)
    }
}

impl Provider for ClientInfo {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(ready(self.decide(credentials)))
    }

    fn health(&self) -> Health {
        Health::connected(self.opened)
    }

    /// Nothing but counted work takes time here.
    fn timed_out(&self) -> Reason {
        Reason::Overloaded
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ClientInfo, MOST_CHECKS, parse};
    use crate::auth::{Credentials, ProviderError, Reason, Timestamp, Verdict};

    fn ask(checks: &Value, username: &str) -> Result<Verdict, ProviderError> {
        let (checks, _) = parse(&json!({"checks": checks})).unwrap();
        let info = ClientInfo {
            checks,
            opened: Timestamp(0),
        };
        info.decide(&Credentials {
            username: username.to_owned(),
            client_id: "v1-7".to_owned(),
            ..Credentials::default()
        })
    }

    fn reason(verdict: Result<Verdict, ProviderError>) -> Reason {
        match verdict.unwrap() {
            Verdict::Deny(denial) => denial.finding.reason,
            Verdict::Ignore(finding) => finding.reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_check_that_is_about_the_client_decides() {
        let checks = json!([
            {"is_match": ["str_eq(username, '')", "str_eq(nth(1, tokens(clientid, '-')), 'v1')"], "result": "deny"},
            {"is_match": "username == 'eve'", "result": "ignore"},
            {"is_match": "username in ['ada', 'eve']", "result": "allow"},
            {"is_match": "username == 'ada'", "result": "deny"},
        ]);
        assert_eq!(reason(ask(&checks, "")), Reason::BadUsernameOrPassword);
        assert_eq!(reason(ask(&checks, "eve")), Reason::NotAuthorized);
        assert!(matches!(ask(&checks, "ada"), Ok(Verdict::Allow(_))));
        let Ok(Verdict::Ignore(finding)) = ask(&checks, "bob") else {
            panic!("nobody spoke of bob");
        };
        assert_eq!(finding.detail, "no check is about the client");
    }

    #[test]
    fn a_check_without_a_value_lets_nobody_past() {
        for result in ["allow", "deny", "ignore"] {
            let checks = json!([
                {"is_match": ["true", "client_attrs.tns == 'x'"], "result": result},
                {"is_match": "true", "result": "allow"},
            ]);
            let error = ask(&checks, "ada").unwrap_err();
            assert_eq!(error.reason, Reason::PreconditionError);
            assert!(error.detail.starts_with("expression 1 of check 0"), "{}", error.detail);
        }
        let spared = json!([{"is_match": ["username == 'eve'", "client_attrs.tns == 'x'"], "result": "deny"}]);
        assert!(matches!(ask(&spared, "ada"), Ok(Verdict::Ignore(_))));
    }

    #[test]
    fn many_checks_together_may_not_do_more_than_one_precondition() {
        let heavy = json!({"is_match": format!("regex_replace(pad(clientid, 60000), '0', 'o') == '{}'", "x"), "result": "deny"});
        let checks = Value::Array(vec![heavy; MOST_CHECKS]);
        assert_eq!(ask(&checks, "ada").unwrap_err().reason, Reason::PreconditionError);
    }

    #[test]
    fn every_fault_names_its_check_and_its_place() {
        let given = json!({"checks": [
            {"is_match": "true", "result": "allow"},
            {"is_match": "username ==", "result": "maybe"},
            {"is_match": ["nobody == 1", "password == 'x'"], "result": "deny", "extra": 1},
            {"is_match": [], "result": "deny"},
            "true",
        ]});
        let faults = parse(&given).err().unwrap();
        let named: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            named,
            [
                "settings.checks.1.is_match",
                "settings.checks.1.result",
                "settings.checks.2.is_match.0",
                "settings.checks.2.is_match.1",
                "settings.checks.2.extra",
                "settings.checks.3.is_match",
                "settings.checks.4",
            ]
        );
        assert!(faults[2].why.starts_with("line 1, column 1: "), "{}", faults[2].why);
        for given in [
            json!({}),
            json!({"checks": []}),
            json!({"checks": "true"}),
            json!({"checks": [{}]}),
        ] {
            assert!(parse(&given).is_err(), "{given}");
        }
    }
}
