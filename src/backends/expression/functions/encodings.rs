//! Functions that write bytes as text and read them back. What is read back must be text again.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::call::{Answer, Call};
use crate::backends::expression::trouble::Trouble;
use crate::backends::expression::value::Value;

pub(super) fn bin2hexstr<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(hex::encode_upper(call.text(0)?))
}

pub(super) fn hexstr2bin<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let bytes = hex::decode(call.text(0)?).map_err(|_| call.senseless("needs pairs of hexadecimal digits"))?;
    call.give_bytes(bytes)
}

pub(super) fn int2hexstr<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let number = call.integer(0)?;
    let sign = if number < 0 { "-" } else { "" };
    call.give(format!("{sign}{:X}", number.unsigned_abs()))
}

pub(super) fn base64_encode<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    call.give(engine(call)?.encode(call.text(0)?))
}

pub(super) fn base64_decode<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let bytes = engine(call)?
        .decode(call.text(0)?)
        .map_err(|_| call.senseless("needs base64 of the kind that its options name"))?;
    call.give_bytes(bytes)
}

/// The alphabet and padding that the call's options name: `urlsafe`, `no_padding`.
fn engine(call: &Call<'_, '_>) -> Result<GeneralPurpose, Trouble> {
    let (mut alphabet, mut pads) = (STANDARD, true);
    for index in 1..call.values.len() {
        match call.text(index)? {
            "urlsafe" => alphabet = URL_SAFE,
            "no_padding" => pads = false,
            _ => return Err(call.senseless("knows `urlsafe` and `no_padding`")),
        }
    }
    let padding = if pads {
        DecodePaddingMode::RequireCanonical
    } else {
        DecodePaddingMode::Indifferent
    };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(pads)
        .with_decode_padding_mode(padding);
    Ok(GeneralPurpose::new(&alphabet, config))
}

/// A number, or the bytes of a text read as one, brought between two bounds by the remainder.
pub(super) fn map_to_range<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    let (least, most) = (i128::from(call.integer(1)?), i128::from(call.integer(2)?));
    let width = most - least + 1;
    if width < 1 {
        return Err(call.senseless("needs a lower bound that is not above the upper one"));
    }
    let remainder = match call.value(0)? {
        Value::Text(text) if text.is_empty() => return Err(call.senseless("needs a text that is not empty")),
        Value::Text(text) => text
            .bytes()
            .fold(0, |rest, byte| (rest * 256 + i128::from(byte)) % width),
        _ => i128::from(call.integer(0)?) % width,
    };
    i64::try_from(least + remainder)
        .map(Value::Int)
        .map_err(|_| call.senseless("has no result in range"))
}
