//! Between the wire's well-known types and the house's own.

use std::time::Duration;

use pbjson_types::value::Kind;
use serde_json::{Map, Number, Value};
use tonic::{Code, Request, Status};

use super::status::refused;
use crate::admin::{AdminError, Caller, Intent, Role, Violation};
use crate::auth::Timestamp;
use crate::wire::pb::v1 as pb;

/// The last second that a timestamp of the wire can name: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
/// Doubles are exact for integers up to here.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Who calls, as the guard found out.
pub(crate) fn caller_of<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| refused(Code::Unauthenticated, "UNAUTHENTICATED", "this call needs an API key"))
}

/// What comes with a write.
pub(crate) fn intent(caller: Caller, request_id: &str, if_revision: u64) -> Intent {
    let if_revision = (if_revision != 0).then_some(if_revision);
    Intent {
        by: caller.id,
        request_id: request_id.to_owned(),
        if_revision,
    }
}

/// A part of the request that must be there.
pub(crate) fn required<T>(part: Option<T>, field: &str) -> Result<T, AdminError> {
    part.ok_or_else(|| AdminError::invalid(field, "must be given"))
}

/// A point in time.
pub(crate) fn timestamp(Timestamp(millis): Timestamp) -> pbjson_types::Timestamp {
    let nanos = (millis % 1000) * 1_000_000;
    pbjson_types::Timestamp {
        seconds: i64::try_from(millis / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

/// A point in time, if it was given; zero means it was not.
pub(crate) fn known_timestamp(at: Timestamp) -> Option<pbjson_types::Timestamp> {
    (at != Timestamp::default()).then(|| timestamp(at))
}

/// A point in time as it was sent.
pub(crate) fn timestamp_from(sent: &pbjson_types::Timestamp, field: &str) -> Result<Timestamp, AdminError> {
    match (sent.seconds, u64::try_from(sent.seconds), u64::try_from(sent.nanos)) {
        (..=LAST_SECOND, Ok(seconds), Ok(nanos @ 0..1_000_000_000)) => {
            Ok(Timestamp(seconds * 1000 + nanos / 1_000_000))
        }
        _ => Err(AdminError::invalid(field, "must lie within the years 1970 to 9999")),
    }
}

/// A duration as it was sent.
pub(crate) fn duration_from(sent: pbjson_types::Duration, field: &str) -> Result<Duration, Violation> {
    let parts = u64::try_from(sent.seconds).ok().zip(u32::try_from(sent.nanos).ok());
    match parts {
        Some((seconds, nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err(Violation {
            field: field.to_owned(),
            why: "must be a duration that is not negative".to_owned(),
        }),
    }
}

/// A JSON object as a message.
pub(crate) fn struct_of(object: Map<String, Value>) -> pbjson_types::Struct {
    object
        .into_iter()
        .map(|(name, value)| (name, message_of(value)))
        .collect()
}

fn message_of(value: Value) -> pbjson_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(items.into_iter().map(message_of).collect::<Vec<_>>().into()),
        Value::Object(object) => Kind::StructValue(struct_of(object)),
    };
    kind.into()
}

/// A message as a JSON object. Its numbers are doubles: whole ones become integers again.
pub(crate) fn object_of(message: pbjson_types::Struct) -> Map<String, Value> {
    let mut fields: Vec<_> = message.fields.into_iter().collect();
    // A message's map has no order of its own, and stored settings must not depend on the weather.
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields.into_iter().map(|(name, value)| (name, json_of(value))).collect()
}

fn json_of(message: pbjson_types::Value) -> Value {
    match message.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => number_of(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json_of).collect()),
        Some(Kind::StructValue(message)) => Value::Object(object_of(message)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "whole and within the bounds of both types"
)]
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= LARGEST_EXACT {
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A role on the wire.
pub(crate) fn role(role: Role) -> pb::Role {
    match role {
        Role::Client => pb::Role::Client,
        Role::Viewer => pb::Role::Viewer,
        Role::Editor => pb::Role::Editor,
        Role::Admin => pb::Role::Admin,
    }
}

/// A role as it was sent.
pub(crate) fn role_from(sent: i32) -> Result<Role, AdminError> {
    match pb::Role::try_from(sent) {
        Ok(pb::Role::Client) => Ok(Role::Client),
        Ok(pb::Role::Viewer) => Ok(Role::Viewer),
        Ok(pb::Role::Editor) => Ok(Role::Editor),
        Ok(pb::Role::Admin) => Ok(Role::Admin),
        Ok(pb::Role::Unspecified) | Err(_) => {
            Err(AdminError::invalid("role", "must be CLIENT, VIEWER, EDITOR or ADMIN"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tonic::{Code, Request};

    use super::{Timestamp, caller_of, duration_from, number_of, object_of, struct_of, timestamp, timestamp_from};

    #[test]
    fn settings_keep_their_integers_across_the_wire() {
        let settings = json!({"iterations": 4096, "ratio": 0.5, "deep": {"list": [1, "x", null, true]}, "big": -3});
        let back = object_of(struct_of(settings.as_object().cloned().unwrap()));
        assert_eq!(json!(back), settings);
        assert_eq!(serde_json::to_string(&number_of(4096.0)).unwrap(), "4096");
        assert_eq!(number_of(f64::NAN), json!(null));
    }

    #[test]
    fn times_come_back_as_they_went() {
        let at = Timestamp(1_700_000_000_123);
        assert_eq!(timestamp_from(&timestamp(at), "expires_at"), Ok(at));
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (253_402_300_800, 0)] {
            let sent = pbjson_types::Timestamp { seconds, nanos };
            assert!(timestamp_from(&sent, "expires_at").is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn a_negative_duration_is_none() {
        let sent = |seconds, nanos| duration_from(pbjson_types::Duration { seconds, nanos }, "timeout");
        assert_eq!(sent(1, 500_000_000), Ok(Duration::from_millis(1500)));
        assert!(sent(-1, 0).is_err());
        assert!(sent(0, -1).is_err());
    }

    #[test]
    fn a_call_that_the_guard_did_not_see_is_unauthenticated() {
        assert_eq!(caller_of(&Request::new(())).unwrap_err().code(), Code::Unauthenticated);
    }
}
