//! An expression ready to be evaluated: names resolved, functions found, patterns compiled.

use super::functions::Function;
use super::operators::Operator;
use super::pattern::{Pattern, Use};
use super::value::Value;
use super::variables::Variable;

/// A node of an expression.
pub(super) enum Node {
    Literal(Value<'static>),
    Variable(Variable),
    /// The variable of the loop around it; loops do not nest.
    Item,
    List(Vec<Node>),
    Index(Box<[Node; 2]>),
    /// Whether there is such an attribute.
    Has(Box<Node>, String),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    /// `c ? a : b`: the condition must be true or false.
    Choose(Box<[Node; 3]>),
    Binary(Operator, Box<[Node; 2]>),
    /// The first that is there and not empty.
    Coalesce(Vec<Node>),
    IsEmpty(Box<Node>),
    /// EMQX's choice: the condition holds if it is true, or there and not empty.
    Iif(Box<[Node; 3]>),
    Regex(Use, Pattern, Vec<Node>),
    Call(&'static Function, Vec<Node>),
    Loop(Box<Loop>),
}

/// What a loop makes of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// A walk over the items of a list or the keys of a map.
pub(super) struct Loop {
    pub(super) kind: Kind,
    pub(super) over: Node,
    /// Which items are taken at all; only `map` has one.
    pub(super) guard: Option<Node>,
    pub(super) body: Node,
}
