//! Functions that look into JSON. A token's signature is not checked here, so what it says proves nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::{Answer, Call};
use crate::backends::expression::trouble::Trouble;
use crate::backends::expression::value::Value;

/// What a byte of JSON costs: a document of brackets takes many times its own room.
const STEPS_PER_BYTE: usize = 16;

/// `json_value(document, 'a.b')`: null if it is not there.
pub(super) fn json_value<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    look_up(call, call.text(0)?.as_bytes())
}

/// `jwt_value(token, 'a.b')`: a claim of a token.
pub(super) fn jwt_value<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let parts: Vec<_> = call.text(0)?.splitn(4, '.').collect();
    let [_, claims, _] = parts.as_slice() else {
        return Err(call.senseless("needs a token of three parts"));
    };
    let claims = URL_SAFE_NO_PAD
        .decode(claims)
        .map_err(|_| call.senseless("needs a token whose claims are base64"))?;
    look_up(call, &claims)
}

fn look_up<'a>(call: &Call<'_, 'a>, document: &[u8]) -> Answer<'a> {
    let path = call.text(1)?;
    if path.is_empty() {
        return Err(call.senseless("needs a path that is not empty"));
    }
    call.budget.spend(document.len().saturating_mul(STEPS_PER_BYTE))?;
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(document) else {
        return Ok(Value::Null);
    };
    let found = path
        .split('.')
        .try_fold(&document, |found, key| found.as_object()?.get(key));
    found.map_or(Ok(Value::Null), |found| value_of(call, found))
}

fn value_of<'a>(call: &Call<'_, 'a>, json: &serde_json::Value) -> Result<Value<'a>, Trouble> {
    match json {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::Bool(value) => Ok(Value::Bool(*value)),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_f64().map(Value::Double))
            .ok_or_else(|| call.senseless("found a number out of range")),
        serde_json::Value::String(text) => call.give(text.as_str()),
        serde_json::Value::Array(items) => {
            call.budget.spend_list(items.len())?;
            let items = items
                .iter()
                .map(|item| value_of(call, item))
                .collect::<Result<_, _>>()?;
            Ok(Value::List(items))
        }
        serde_json::Value::Object(_) => Err(call.senseless("found an object; name a field of it")),
    }
}
