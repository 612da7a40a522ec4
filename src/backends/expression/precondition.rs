//! A precondition: an expression that says whether an authenticator is concerned with a client.

use std::fmt;

use super::budget::Budget;
use super::compile::{Compiled, compile};
use super::evaluate::Evaluation;
use super::fault::Fault;
use super::trouble::Trouble;
use super::value::Value;
use crate::auth::Credentials;

/// Bytes that the variables of one expression may have together.
const LONGEST_INPUT: usize = 64 << 10;

/// A compiled precondition.
pub(in crate::backends) struct Precondition(Compiled);

impl Precondition {
    /// Compiles it, or says what is wrong and where.
    pub(in crate::backends) fn compile(text: &str) -> Result<Self, Fault> {
        compile(text).map(Self)
    }

    /// Whether it holds: true, or EMQX's word for it. Any other text does not hold; anything else is an error.
    pub(in crate::backends) fn holds(&self, credentials: &Credentials) -> Result<bool, Trouble> {
        self.holds_within(credentials, &Budget::new())
    }

    /// The same, where several share what may be done.
    pub(in crate::backends) fn holds_within(
        &self,
        credentials: &Credentials,
        budget: &Budget,
    ) -> Result<bool, Trouble> {
        self.check_input(credentials)?;
        match (Evaluation { credentials, budget }).value(&self.0.root, None)? {
            Value::Bool(value) => Ok(value),
            Value::Text(text) => Ok(text == "true"),
            other => Err(Trouble::senseless(format!(
                "it gives {}, neither true nor false",
                other.kind()
            ))),
        }
    }

    fn check_input(&self, credentials: &Credentials) -> Result<(), Trouble> {
        let read: usize = self
            .0
            .reads
            .iter()
            .map(|variable| variable.of(credentials).weight())
            .sum();
        if read > LONGEST_INPUT {
            return Err(Trouble::TooMuch(format!(
                "what it asks for has more than {LONGEST_INPUT} bytes"
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Precondition").finish_non_exhaustive()
    }
}
