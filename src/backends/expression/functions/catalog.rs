//! THE LIST of functions: name, how it is called, with how many arguments.

use super::call::{Answer, Call};
use super::{compare, documents, encodings, lists, texts, topics, trimming};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backends::expression) enum Style {
    /// `f(x, y)`, as all of EMQX's.
    Global,
    /// `x.f(y)`, as some of CEL's. `x` is the first argument.
    Member,
    /// Both.
    Either,
}

/// A function that can be called.
pub(in crate::backends::expression) struct Function {
    pub(in crate::backends::expression) name: &'static str,
    pub(in crate::backends::expression) style: Style,
    /// The least and the greatest number of arguments.
    pub(in crate::backends::expression) arguments: (usize, usize),
    pub(in crate::backends::expression) run: for<'c, 'a> fn(&Call<'c, 'a>) -> Answer<'a>,
}

/// Any number.
const MANY: usize = usize::MAX;

/// Writes the list with one line per function: style, name, arguments, what runs.
macro_rules! functions {
    ($($style:ident $name:literal $least:literal $most:tt $run:path;)+) => {
        static FUNCTIONS: &[Function] = &[$(Function {
            name: $name,
            style: Style::$style,
            arguments: ($least, $most),
            run: $run,
        }),+];
    };
}

functions! {
    Global "str_comp" 2 2 compare::str_comp;
    Global "str_eq" 2 2 compare::str_eq;
    Global "str_neq" 2 2 compare::str_neq;
    Global "str_lt" 2 2 compare::str_lt;
    Global "str_lte" 2 2 compare::str_lte;
    Global "str_gt" 2 2 compare::str_gt;
    Global "str_gte" 2 2 compare::str_gte;
    Global "num_comp" 2 2 compare::num_comp;
    Global "num_eq" 2 2 compare::num_eq;
    Global "num_neq" 2 2 compare::num_neq;
    Global "num_lt" 2 2 compare::num_lt;
    Global "num_lte" 2 2 compare::num_lte;
    Global "num_gt" 2 2 compare::num_gt;
    Global "num_gte" 2 2 compare::num_gte;
    Global "lower" 1 1 texts::lower;
    Global "upper" 1 1 texts::upper;
    Global "reverse" 1 1 texts::reverse;
    Global "strlen" 1 1 texts::strlen;
    Global "substr" 2 3 texts::substr;
    Global "concat" 1 MANY texts::concat;
    Global "replace" 3 4 texts::replace;
    Global "find" 2 3 texts::find;
    Global "ascii" 1 1 texts::ascii;
    Global "any_to_str" 1 1 texts::any_to_str;
    Global "not" 1 1 texts::not;
    Global "unescape" 1 1 texts::unescape;
    Global "trim" 1 2 trimming::trim;
    Global "ltrim" 1 2 trimming::ltrim;
    Global "rtrim" 1 2 trimming::rtrim;
    Global "rm_prefix" 2 2 trimming::rm_prefix;
    Global "pad" 2 4 trimming::pad;
    Global "nth" 2 2 lists::nth;
    Global "tokens" 2 3 lists::tokens;
    Global "split" 2 3 lists::split;
    Global "join_to_string" 1 2 lists::join_to_string;
    Global "is_empty_val" 1 1 lists::is_empty_val;
    Global "topic_match" 2 2 topics::topic_match;
    Global "topic_split" 1 1 topics::topic_split;
    Global "topic_join" 1 2 topics::topic_join;
    Global "bin2hexstr" 1 1 encodings::bin2hexstr;
    Global "hexstr2bin" 1 1 encodings::hexstr2bin;
    Global "int2hexstr" 1 1 encodings::int2hexstr;
    Global "base64_encode" 1 3 encodings::base64_encode;
    Global "base64_decode" 1 3 encodings::base64_decode;
    Global "map_to_range" 3 3 encodings::map_to_range;
    Global "json_value" 2 2 documents::json_value;
    Global "jwt_value" 2 2 documents::jwt_value;
    Member "startsWith" 2 2 texts::starts_with;
    Member "endsWith" 2 2 texts::ends_with;
    Member "contains" 2 2 texts::contains;
    Either "size" 1 1 texts::size;
    Global "string" 1 1 texts::any_to_str;
    Global "int" 1 1 texts::int;
    Global "double" 1 1 texts::double;
    Global "bool" 1 1 texts::bool;
}

/// EMQX's functions that are left out, and why.
const REFUSED: [(&str, &str); 8] = [
    ("getenv", "it would answer differently on each node"),
    ("timestamp_s", "it would answer differently on each node"),
    ("timestamp_ms", "it would answer differently on each node"),
    ("rand_str", "it would answer differently on each node"),
    ("rand_int", "it would answer differently on each node"),
    ("hash", "passwords are hashed elsewhere"),
    ("hash_to_range", "use `map_to_range`"),
    ("sprintf_s", "use `concat`"),
];

/// The function of that name, or why there is none.
pub(in crate::backends::expression) fn find(name: &str) -> Result<&'static Function, String> {
    if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
        return Ok(function);
    }
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => Err(format!("`{name}` is not available: {why}")),
        None => Err(format!("there is no function `{name}`")),
    }
}
