//! Expressions: CEL's language with EMQX's functions, bounded in size and work.
//!
//! `compile` turns a text into a plan once; `evaluate` walks the plan for one client. Of the crate `cel` only the parser is used. Its
//! interpreter counts no steps, compiles patterns at each use, and puts the values it fails on into its errors.
//!
//! Where EMQX and this differ, for whoever pastes a precondition:
//!
//! | EMQX | here |
//! |---|---|
//! | a variable that is never bound fails each login | refused when stored; only a missing key of `client_attrs` fails a login |
//! | a text in quotes knows no escapes | CEL's escapes; a text with an escape that CEL does not know (`'\d+'`) is read as EMQX reads it, `'\b'` and `'\?'` are refused as ambiguous |
//! | `peerhost` is not text and equals none | it is text |
//! | `strlen`, `substr`, `reverse`, `pad` count grapheme clusters | they count characters |
//! | `tokens` splits at bytes | it splits at characters |
//! | a pattern may be computed, and is PCRE | it is a literal without back-references and look-around; `\d \w \s \b` are ASCII in both |
//! | `any_to_str`, `concat` write lists as Erlang does | a list has no text |
//! | decoded bytes may be anything | they must be UTF-8 |
//! | `coalesce` of one value wants a list | it also takes the value itself |
//! | `getenv`, `timestamp_…`, `rand_…`, `hash…`, `sprintf_s` | refused by name |
//! | a result that is not text or a truth value counts as false | it is an error |

mod budget;
mod compile;
mod evaluate;
mod fault;
mod functions;
mod operators;
mod pattern;
mod plan;
mod precondition;
mod source;
mod syntax;
mod trouble;
mod value;
mod variables;

#[cfg(test)]
mod tests;

pub(super) use self::budget::Budget;
pub(super) use self::fault::Fault;
pub(super) use self::precondition::Precondition;
