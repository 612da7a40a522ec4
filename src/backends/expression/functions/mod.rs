//! What an expression can call, under EMQX's and CEL's names.

mod call;
mod catalog;
mod compare;
mod documents;
mod encodings;
mod lists;
mod texts;
mod topics;
mod trimming;

pub(super) use self::call::Call;
pub(super) use self::catalog::{Function, Style, find};
