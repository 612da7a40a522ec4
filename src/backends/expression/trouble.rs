//! Why an expression has no value for these credentials. The texts name functions and kinds of values, never the values.

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::backends) enum Trouble {
    /// A key that is not there: what EMQX calls an unbound variable, and what `coalesce`, `is_empty` and `iif` pass over.
    #[error("{0} is not there")]
    Missing(String),
    /// It makes no sense.
    #[error("{0}")]
    Senseless(String),
    /// A bound is reached. No operator passes over it.
    #[error("{0}")]
    TooMuch(String),
}

impl Trouble {
    pub(super) fn senseless(why: impl Into<String>) -> Self {
        Self::Senseless(why.into())
    }
}
