//! CEL's operators on values.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::budget::Budget;
use super::trouble::Trouble;
use super::value::Value;

/// An operator with two sides that are both evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// Applies it. What it looks at and makes is paid for.
    pub(super) fn apply<'a>(self, left: Value<'a>, right: Value<'a>, budget: &Budget) -> Result<Value<'a>, Trouble> {
        budget.spend(left.weight() + right.weight())?;
        let is = |fits: fn(Ordering) -> bool| {
            compare(&left, &right)
                .map(|order| fits(order).into())
                .ok_or_else(|| self.unfit(&left, &right))
        };
        match self {
            Self::Equal => Ok(equals(&left, &right).into()),
            Self::NotEqual => Ok((!equals(&left, &right)).into()),
            Self::Less => is(Ordering::is_lt),
            Self::LessOrEqual => is(Ordering::is_le),
            Self::Greater => is(Ordering::is_gt),
            Self::GreaterOrEqual => is(Ordering::is_ge),
            Self::In => match &right {
                Value::List(items) => Ok(items.iter().any(|item| equals(&left, item)).into()),
                Value::Attributes(attributes) => {
                    Ok(matches!(&left, Value::Text(key) if attributes.contains_key(&**key)).into())
                }
                _ => Err(self.unfit(&left, &right)),
            },
            Self::Add => self.add(left, right, budget),
            Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder => self.calculate(&left, &right),
        }
    }

    fn add<'a>(self, left: Value<'a>, right: Value<'a>, budget: &Budget) -> Result<Value<'a>, Trouble> {
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                budget.spend_text(left.len() + right.len())?;
                Ok(Value::Text(Cow::Owned(left.into_owned() + &right)))
            }
            (Value::List(mut left), Value::List(right)) => {
                budget.spend_list(left.len() + right.len())?;
                left.extend(right);
                Ok(Value::List(left))
            }
            (left, right) => self.calculate(&left, &right),
        }
    }

    fn calculate<'a>(self, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'a>, Trouble> {
        match (left, right) {
            (Value::Int(_), Value::Int(0)) if matches!(self, Self::Divide | Self::Remainder) => {
                Err(Trouble::senseless("a number is divided by zero"))
            }
            (Value::Int(left), Value::Int(right)) => match self {
                Self::Add => left.checked_add(*right),
                Self::Subtract => left.checked_sub(*right),
                Self::Multiply => left.checked_mul(*right),
                Self::Divide => left.checked_div(*right),
                Self::Remainder => left.checked_rem(*right),
                _ => None,
            }
            .map(Value::Int)
            .ok_or_else(|| Trouble::senseless(format!("the result of `{}` is out of range", self.sign()))),
            (Value::Double(left), Value::Double(right)) => match self {
                Self::Add => Some(left + right),
                Self::Subtract => Some(left - right),
                Self::Multiply => Some(left * right),
                Self::Divide => Some(left / right),
                _ => None,
            }
            .map(Value::Double)
            .ok_or_else(|| Trouble::senseless("`%` needs whole numbers")),
            _ => Err(self.unfit(left, right)),
        }
    }

    fn unfit(self, left: &Value<'_>, right: &Value<'_>) -> Trouble {
        Trouble::senseless(format!(
            "`{}` cannot take {} and {}",
            self.sign(),
            left.kind(),
            right.kind()
        ))
    }
}

/// Values of different kinds differ; numbers are equal by what they amount to.
fn equals(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Attributes(left), Value::Attributes(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equals(left, right))
        }
        _ => compare_numbers(left, right) == Some(Ordering::Equal),
    }
}

fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        _ => compare_numbers(left, right),
    }
}

/// How two numbers stand to each other, exactly; `None` if one is none.
pub(super) fn compare_numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => compare_mixed(*left, *right),
        (Value::Double(left), Value::Int(right)) => compare_mixed(*right, *left).map(Ordering::reverse),
        _ => None,
    }
}

/// Turning the whole number into a floating point one could make different numbers equal, so the other way round.
fn compare_mixed(whole: i64, broken: f64) -> Option<Ordering> {
    if broken.is_nan() {
        None
    } else if broken >= i64::MAX as f64 {
        Some(Ordering::Less)
    } else if broken < i64::MIN as f64 {
        Some(Ordering::Greater)
    } else {
        let order = whole.cmp(&(broken.trunc() as i64));
        Some(order.then_with(|| 0.0_f64.partial_cmp(&broken.fract()).unwrap_or(Ordering::Equal)))
    }
}

/// The item of a list or the attribute of a map.
pub(super) fn index<'a>(of: Value<'a>, at: &Value<'_>, budget: &Budget) -> Result<Value<'a>, Trouble> {
    let found = match (of, at) {
        (Value::Attributes(attributes), Value::Text(key)) => attribute(attributes, key)?,
        (Value::List(items), Value::Int(at)) => {
            let item = usize::try_from(*at).ok().and_then(|at| items.into_iter().nth(at));
            item.ok_or_else(|| Trouble::senseless("an index is outside of its list"))?
        }
        (of, at) => {
            return Err(Trouble::senseless(format!(
                "{} has nothing under {}",
                of.kind(),
                at.kind()
            )));
        }
    };
    budget.spend(found.weight())?;
    Ok(found)
}

/// What stands under a key.
pub(super) fn attribute<'a>(
    attributes: &'a std::collections::BTreeMap<String, String>,
    key: &str,
) -> Result<Value<'a>, Trouble> {
    attributes
        .get(key)
        .map(|value| Value::text(value))
        .ok_or_else(|| Trouble::Missing(format!("`client_attrs.{key}`")))
}
