//! Evaluating a plan for one client, step by step within its budget.

use super::budget::Budget;
use super::functions::Call;
use super::operators::{attribute, index};
use super::pattern::{Pattern, Use};
use super::plan::{Kind, Loop, Node};
use super::trouble::Trouble;
use super::value::Value;
use crate::auth::Credentials;

type Outcome<'a> = Result<Value<'a>, Trouble>;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) budget: &'a Budget,
}

impl<'a> Evaluation<'a> {
    /// The value of a node; `item` is that of the loop around it.
    pub(super) fn value(&self, node: &'a Node, item: Option<&Value<'a>>) -> Outcome<'a> {
        self.budget.spend(1)?;
        match node {
            Node::Literal(value) => Ok(value.borrowed()),
            Node::Variable(variable) => Ok(variable.of(self.credentials)),
            Node::Item => match item {
                Some(value) => {
                    self.budget.spend(value.weight())?;
                    Ok(value.clone())
                }
                None => Err(Trouble::senseless("a loop's variable is used outside of it")),
            },
            Node::List(nodes) => self.values(nodes, item).map(Value::List),
            Node::Index(sides) => {
                let [of, at] = &**sides;
                index(self.value(of, item)?, &self.value(at, item)?, self.budget)
            }
            Node::Has(of, key) => match self.value(of, item)? {
                Value::Attributes(attributes) => Ok(attribute(attributes, key).is_ok().into()),
                other => Err(Trouble::senseless(format!("{} has no fields", other.kind()))),
            },
            Node::Not(of) => Ok((!self.truth(of, item, "!")?).into()),
            Node::Negate(of) => negated(self.value(of, item)?),
            Node::And(sides) => self.connected(sides, item, "&&", false),
            Node::Or(sides) => self.connected(sides, item, "||", true),
            Node::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.truth(condition, item, "?")? {
                    then
                } else {
                    otherwise
                };
                self.value(chosen, item)
            }
            Node::Binary(operator, sides) => {
                let [left, right] = &**sides;
                operator.apply(self.value(left, item)?, self.value(right, item)?, self.budget)
            }
            Node::Coalesce(nodes) => self.first_present(nodes, item),
            Node::IsEmpty(of) => Ok(self.or_null(of, item)?.is_blank().into()),
            Node::Iif(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if holds(&self.or_null(condition, item)?) {
                    then
                } else {
                    otherwise
                };
                self.value(chosen, item)
            }
            Node::Regex(used, pattern, arguments) => self.search(*used, pattern, &self.values(arguments, item)?),
            Node::Call(function, arguments) => {
                let values = self.values(arguments, item)?;
                self.budget.spend(values.iter().map(Value::weight).sum())?;
                let (name, budget) = (function.name, self.budget);
                (function.run)(&Call {
                    name,
                    values: &values,
                    budget,
                })
            }
            Node::Loop(walk) => self.walk(walk, item),
        }
    }

    fn values(&self, nodes: &'a [Node], item: Option<&Value<'a>>) -> Result<Vec<Value<'a>>, Trouble> {
        nodes.iter().map(|node| self.value(node, item)).collect()
    }

    fn truth(&self, node: &'a Node, item: Option<&Value<'a>>, sign: &str) -> Result<bool, Trouble> {
        match self.value(node, item)? {
            Value::Bool(value) => Ok(value),
            other => Err(Trouble::senseless(format!(
                "`{sign}` needs true or false and got {}",
                other.kind()
            ))),
        }
    }

    /// `&&` and `||`: a side that decides makes the other's error irrelevant, whichever side that is. A bound that is reached is
    /// no error of a side.
    fn connected(&self, sides: &'a [Node; 2], item: Option<&Value<'a>>, sign: &str, deciding: bool) -> Outcome<'a> {
        let [left, right] = sides;
        let left = self.truth(left, item, sign);
        match left {
            Ok(value) if value == deciding => return Ok(value.into()),
            Err(Trouble::TooMuch(_)) => return left.map(Value::Bool),
            _ => {}
        }
        let right = self.truth(right, item, sign)?;
        if right == deciding {
            return Ok(deciding.into());
        }
        left.map(Value::Bool)
    }

    /// A value, or null in place of something that is not there.
    fn or_null(&self, node: &'a Node, item: Option<&Value<'a>>) -> Outcome<'a> {
        match self.value(node, item) {
            Err(Trouble::Missing(_)) => Ok(Value::Null),
            other => other,
        }
    }

    /// Of several values, or of the items of one that is a list.
    fn first_present(&self, nodes: &'a [Node], item: Option<&Value<'a>>) -> Outcome<'a> {
        let nodes = match nodes {
            [Node::List(written)] => written.as_slice(),
            [only] => {
                return match self.or_null(only, item)? {
                    Value::List(items) => Ok(items
                        .into_iter()
                        .find(|item| !item.is_blank())
                        .unwrap_or(Value::text(""))),
                    Value::Null => Ok(Value::text("")),
                    plain => Ok(plain),
                };
            }
            several => several,
        };
        for node in nodes {
            let value = self.or_null(node, item)?;
            if !value.is_blank() {
                return Ok(value);
            }
        }
        Ok(Value::text(""))
    }

    fn search(&self, used: Use, pattern: &Pattern, arguments: &[Value<'a>]) -> Outcome<'a> {
        let (name, budget) = (used.name(), self.budget);
        let call = Call {
            name,
            values: arguments,
            budget,
        };
        let text = call.text(0)?;
        match used {
            Use::Match => pattern.matches(text, budget).map(Value::Bool),
            Use::Extract => pattern.extract(text, budget),
            Use::Replace => call.give(pattern.replace(text, call.text(1)?, budget)?),
        }
    }

    fn walk(&self, walk: &'a Loop, outer: Option<&Value<'a>>) -> Outcome<'a> {
        let items = match self.value(&walk.over, outer)? {
            Value::List(items) => items,
            Value::Attributes(attributes) => {
                self.budget.spend_list(attributes.len())?;
                attributes.keys().map(|key| Value::text(key)).collect()
            }
            other => return Err(Trouble::senseless(format!("a loop cannot walk over {}", other.kind()))),
        };
        match walk.kind {
            Kind::All => self.every(walk, &items, false),
            Kind::Exists => self.every(walk, &items, true),
            Kind::ExistsOne => {
                let mut found = 0;
                for item in &items {
                    found += usize::from(self.truth(&walk.body, Some(item), "exists_one")?);
                }
                Ok((found == 1).into())
            }
            Kind::Filter => {
                let mut kept = Vec::new();
                for item in items {
                    if self.truth(&walk.body, Some(&item), "filter")? {
                        kept.push(item);
                    }
                }
                Ok(Value::List(kept))
            }
            Kind::Map => {
                let mut made = Vec::new();
                for item in &items {
                    let is_taken = match &walk.guard {
                        Some(guard) => self.truth(guard, Some(item), "map")?,
                        None => true,
                    };
                    if is_taken {
                        made.push(self.value(&walk.body, Some(item))?);
                    }
                }
                Ok(Value::List(made))
            }
        }
    }

    /// `all` and `exists`: as if the items were connected by `&&` or `||`, errors included.
    fn every(&self, walk: &'a Loop, items: &[Value<'a>], deciding: bool) -> Outcome<'a> {
        let sign = if deciding { "exists" } else { "all" };
        let mut first_trouble = None;
        for item in items {
            match self.truth(&walk.body, Some(item), sign) {
                Ok(value) if value == deciding => return Ok(value.into()),
                Err(trouble @ Trouble::TooMuch(_)) => return Err(trouble),
                Err(trouble) => first_trouble = first_trouble.or(Some(trouble)),
                Ok(_) => {}
            }
        }
        first_trouble.map_or(Ok((!deciding).into()), Err)
    }
}

fn holds(condition: &Value<'_>) -> bool {
    match condition {
        Value::Bool(value) => *value,
        other => !other.is_blank(),
    }
}

fn negated(value: Value<'_>) -> Outcome<'_> {
    match value {
        Value::Int(value) => value
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Trouble::senseless("a number is out of range")),
        Value::Double(value) => Ok(Value::Double(-value)),
        other => Err(Trouble::senseless(format!("`-` cannot take {}", other.kind()))),
    }
}
