//! From CEL's syntax to a plan. Whatever can be known to be wrong without a client is refused here.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::fault::Fault;
use super::functions::{self, Style};
use super::operators::Operator;
use super::pattern::{Pattern, Use};
use super::plan::{Kind, Loop, Node};
use super::syntax::Syntax;
use super::value::Value;
use super::variables::Variable;

/// Nodes within nodes: how deep compiling and evaluating recurse.
const DEEPEST_NESTING: usize = 64;

/// A plan, and which variables it reads.
pub(super) struct Compiled {
    pub(super) root: Node,
    pub(super) reads: Vec<Variable>,
}

/// Compiles an expression.
pub(super) fn compile(text: &str) -> Result<Compiled, Fault> {
    let syntax = Syntax::parse(text)?;
    let mut compiler = Compiler {
        syntax: &syntax,
        reads: Vec::new(),
        item: None,
        depth: 0,
    };
    let root = compiler.node(&syntax.root)?;
    let reads = compiler.reads;
    Ok(Compiled { root, reads })
}

struct Compiler<'s> {
    syntax: &'s Syntax,
    reads: Vec<Variable>,
    /// The name of the loop's variable, within a loop.
    item: Option<String>,
    depth: usize,
}

type Compilation<T = Node> = Result<T, Fault>;

impl Compiler<'_> {
    fn node(&mut self, node: &IdedExpr) -> Compilation {
        if self.depth >= DEEPEST_NESTING {
            return Err(self.fault(node, format!("nests deeper than {DEEPEST_NESTING}")));
        }
        self.depth += 1;
        let compiled = self.shallow(node);
        self.depth -= 1;
        compiled
    }

    fn shallow(&mut self, node: &IdedExpr) -> Compilation {
        match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Ident(name) => self.name(node, name),
            Expr::Select(select) => {
                let of = self.map(&select.operand)?;
                let key = Node::Literal(Value::owned(select.field.clone()));
                Ok(Node::Index(Box::new([of, key])))
            }
            Expr::List(list) => self.nodes(&list.elements).map(Node::List),
            Expr::Call(call) => self.call(node, call),
            Expr::Map(_) | Expr::Struct(_) => Err(self.fault(node, "maps cannot be written in an expression")),
            Expr::Comprehension(_) | Expr::Unspecified => Err(self.fault(node, "cannot be read")),
        }
    }

    fn nodes(&mut self, nodes: &[IdedExpr]) -> Compilation<Vec<Node>> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn literal(&self, node: &IdedExpr, literal: &LiteralValue) -> Compilation {
        let value = match literal {
            LiteralValue::Null => Value::Null,
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Int(value) => Value::Int(*value.inner()),
            LiteralValue::UInt(value) => i64::try_from(*value.inner())
                .map(Value::Int)
                .map_err(|_| self.fault(node, "is a number out of range"))?,
            LiteralValue::Double(value) => Value::Double(*value.inner()),
            LiteralValue::String(text) => Value::owned(text.inner().to_owned()),
            LiteralValue::Bytes(_) => return Err(self.fault(node, "bytes cannot be written in an expression")),
        };
        Ok(Node::Literal(value))
    }

    fn name(&mut self, node: &IdedExpr, name: &str) -> Compilation {
        if self.item.as_deref() == Some(name) {
            return Ok(Node::Item);
        }
        let variable = Variable::named(name).map_err(|why| self.fault(node, why))?;
        if !self.reads.contains(&variable) {
            self.reads.push(variable);
        }
        Ok(Node::Variable(variable))
    }

    /// Something that has keys: of the variables only one.
    fn map(&mut self, node: &IdedExpr) -> Compilation {
        let compiled = self.node(node)?;
        match compiled {
            Node::Variable(variable) if variable != Variable::ClientAttrs => {
                Err(self.fault(node, "has no fields; only `client_attrs` has some"))
            }
            compiled => Ok(compiled),
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Compilation {
        let name = call.func_name.as_str();
        match &call.target {
            Some(target) => match loop_named(name, call.args.len()) {
                Some(kind) => self.walk(node, kind, target, &call.args),
                None => self.member(node, name, target, &call.args),
            },
            None => match operator_named(name) {
                Some(operator) => Ok(Node::Binary(operator, Box::new(self.fixed(node, name, &call.args)?))),
                None => self.global(node, name, &call.args),
            },
        }
    }

    fn global(&mut self, node: &IdedExpr, name: &str, args: &[IdedExpr]) -> Compilation {
        match name {
            operators::LOGICAL_AND => Ok(Node::And(Box::new(self.fixed(node, name, args)?))),
            operators::LOGICAL_OR => Ok(Node::Or(Box::new(self.fixed(node, name, args)?))),
            operators::INDEX => Ok(Node::Index(Box::new(self.fixed(node, name, args)?))),
            operators::CONDITIONAL => Ok(Node::Choose(Box::new(self.fixed(node, name, args)?))),
            operators::LOGICAL_NOT => self.single(node, name, args).map(Node::Not),
            operators::NEGATE => self.single(node, name, args).map(Node::Negate),
            "is_empty" => self.single(node, name, args).map(Node::IsEmpty),
            "iif" => Ok(Node::Iif(Box::new(self.fixed(node, name, args)?))),
            "coalesce" if args.is_empty() => Err(self.fault(node, "`coalesce` takes at least one argument")),
            "coalesce" => self.nodes(args).map(Node::Coalesce),
            operators::HAS => self.has(node, args),
            "regex_match" | "matches" => self.regex(node, name, Use::Match, 2, args),
            "regex_extract" => self.regex(node, name, Use::Extract, 2, args),
            "regex_replace" => self.regex(node, name, Use::Replace, 3, args),
            _ => self.function(node, name, Style::Global, args.len(), |compiler| compiler.nodes(args)),
        }
    }

    fn member(&mut self, node: &IdedExpr, name: &str, target: &IdedExpr, args: &[IdedExpr]) -> Compilation {
        let all = std::iter::once(target).chain(args);
        if name == "matches" {
            let all: Vec<_> = all.cloned().collect();
            return self.regex(node, name, Use::Match, 2, &all);
        }
        self.function(node, name, Style::Member, args.len() + 1, |compiler| {
            all.map(|argument| compiler.node(argument)).collect()
        })
    }

    fn function(
        &mut self,
        node: &IdedExpr,
        name: &str,
        style: Style,
        given: usize,
        arguments: impl FnOnce(&mut Self) -> Compilation<Vec<Node>>,
    ) -> Compilation {
        let function = functions::find(name).map_err(|why| self.fault(node, why))?;
        if function.style != Style::Either && function.style != style {
            let shape = match function.style {
                Style::Member => format!("`x.{name}(…)`"),
                Style::Global | Style::Either => format!("`{name}(…)`"),
            };
            return Err(self.fault(node, format!("`{name}` is called as {shape}")));
        }
        let (least, most) = function.arguments;
        if !(least..=most).contains(&given) {
            return Err(self.fault(node, wrong_number(name, least, most, given)));
        }
        Ok(Node::Call(function, arguments(self)?))
    }

    fn fixed<const N: usize>(&mut self, node: &IdedExpr, name: &str, args: &[IdedExpr]) -> Compilation<[Node; N]> {
        let given = args.len();
        let wrong = |compiler: &Self| compiler.fault(node, wrong_number(name, N, N, given));
        if given != N {
            return Err(wrong(self));
        }
        self.nodes(args)?.try_into().map_err(|_| wrong(self))
    }

    fn single(&mut self, node: &IdedExpr, name: &str, args: &[IdedExpr]) -> Compilation<Box<Node>> {
        let [only] = self.fixed(node, name, args)?;
        Ok(Box::new(only))
    }

    fn has(&mut self, node: &IdedExpr, args: &[IdedExpr]) -> Compilation {
        let [
            IdedExpr {
                expr: Expr::Select(select),
                ..
            },
        ] = args
        else {
            return Err(self.fault(node, "`has` takes one field, as in `has(client_attrs.tenant)`"));
        };
        let of = self.map(&select.operand)?;
        Ok(Node::Has(Box::new(of), select.field.clone()))
    }

    /// The pattern must be written out, so that it is compiled now and its size is known; it is always the second argument.
    fn regex(&mut self, node: &IdedExpr, name: &str, used: Use, count: usize, args: &[IdedExpr]) -> Compilation {
        if args.len() != count {
            return Err(self.fault(node, wrong_number(name, count, count, args.len())));
        }
        let (mut others, mut pattern) = (Vec::new(), None);
        for (index, argument) in args.iter().enumerate() {
            match &argument.expr {
                Expr::Literal(LiteralValue::String(text)) if index == 1 => {
                    let compiled = Pattern::compile(text.inner())
                        .map_err(|why| self.fault(argument, format!("the pattern {why}")))?;
                    pattern = Some(compiled);
                }
                _ if index == 1 => {
                    return Err(self.fault(argument, format!("the pattern of `{name}` must be a literal text")));
                }
                _ => others.push(self.node(argument)?),
            }
        }
        match pattern {
            Some(pattern) => Ok(Node::Regex(used, pattern, others)),
            None => Err(self.fault(node, format!("`{name}` takes a pattern"))),
        }
    }

    fn walk(&mut self, node: &IdedExpr, kind: Kind, over: &IdedExpr, args: &[IdedExpr]) -> Compilation {
        if self.item.is_some() {
            return Err(self.fault(node, "a loop cannot stand in a loop"));
        }
        let over = self.node(over)?;
        let (
            Some(IdedExpr {
                expr: Expr::Ident(name),
                ..
            }),
            Some(body),
        ) = (args.first(), args.last())
        else {
            return Err(self.fault(
                node,
                "a loop takes a name first, as in `tokens(zone, ',').exists(part, part == 'a')`",
            ));
        };
        self.item = Some(name.clone());
        let guard = match args {
            [_, guard, _] => self.node(guard).map(Some),
            _ => Ok(None),
        };
        let body = self.node(body);
        self.item = None;
        Ok(Node::Loop(Box::new(Loop {
            kind,
            over,
            guard: guard?,
            body: body?,
        })))
    }

    fn fault(&self, node: &IdedExpr, why: impl Into<String>) -> Fault {
        self.syntax.fault(node, why)
    }
}

fn wrong_number(name: &str, least: usize, most: usize, given: usize) -> String {
    let wanted = match most {
        _ if least == most => least.to_string(),
        usize::MAX => format!("at least {least}"),
        _ => format!("{least} to {most}"),
    };
    format!("`{name}` takes {wanted} arguments, not {given}")
}

fn loop_named(name: &str, arguments: usize) -> Option<Kind> {
    match (name, arguments) {
        (operators::ALL, 2) => Some(Kind::All),
        (operators::EXISTS, 2) => Some(Kind::Exists),
        (operators::EXISTS_ONE, 2) => Some(Kind::ExistsOne),
        (operators::FILTER, 2) => Some(Kind::Filter),
        (operators::MAP, 2 | 3) => Some(Kind::Map),
        _ => None,
    }
}

fn operator_named(name: &str) -> Option<Operator> {
    Some(match name {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessOrEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterOrEqual,
        operators::IN => Operator::In,
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Remainder,
        _ => return None,
    })
}
