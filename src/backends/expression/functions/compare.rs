//! EMQX's comparisons: `str_…` of the texts of any plain values, `num_…` of numbers only.

use std::cmp::Ordering;

use super::call::{Answer, Call};
use crate::backends::expression::operators::compare_numbers;
use crate::backends::expression::trouble::Trouble;
use crate::backends::expression::value::Value;

/// Which outcomes of a comparison are true.
macro_rules! comparison {
    ($text:ident, $number:ident, $holds:expr) => {
        pub(super) fn $text<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
            let holds: fn(Ordering) -> bool = $holds;
            texts(call).map(|order| holds(order).into())
        }

        pub(super) fn $number<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
            let holds: fn(Ordering) -> bool = $holds;
            numbers(call).map(|order| holds(order).into())
        }
    };
}

comparison!(str_eq, num_eq, Ordering::is_eq);
comparison!(str_neq, num_neq, Ordering::is_ne);
comparison!(str_lt, num_lt, Ordering::is_lt);
comparison!(str_lte, num_lte, Ordering::is_le);
comparison!(str_gt, num_gt, Ordering::is_gt);
comparison!(str_gte, num_gte, Ordering::is_ge);

pub(super) fn str_comp<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    texts(call).map(word)
}

pub(super) fn num_comp<'a>(call: &Call<'_, 'a>) -> Answer<'a> {
    numbers(call).map(word)
}

fn word<'a>(order: Ordering) -> Value<'a> {
    Value::text(match order {
        Ordering::Less => "lt",
        Ordering::Equal => "eq",
        Ordering::Greater => "gt",
    })
}

fn texts(call: &Call<'_, '_>) -> Result<Ordering, Trouble> {
    Ok(call.any_text(0)?.as_bytes().cmp(call.any_text(1)?.as_bytes()))
}

fn numbers(call: &Call<'_, '_>) -> Result<Ordering, Trouble> {
    let number = |index| match call.value(index)? {
        number @ (Value::Int(_) | Value::Double(_)) => Ok(number),
        other => Err(call.unfit(index, "a number", other)),
    };
    let (left, right) = (number(0)?, number(1)?);
    compare_numbers(left, right).ok_or_else(|| call.senseless("cannot compare with what is not a number"))
}
