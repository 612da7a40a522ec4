//! A login as it went, for whoever traces it.

use std::time::Duration;

use super::chain::Step;
use super::reason::Reason;

/// A login that has ended. It does not say who logged in: where traces are kept, user names have no business.
#[derive(Clone, Copy, Debug)]
pub struct TracedLogin<'a> {
    /// The RPC that brought it.
    pub method: &'static str,
    /// The caller's `traceparent` as W3C Trace Context has it, unchecked; empty: none.
    pub traceparent: &'a str,
    /// When it began, since the Unix epoch.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// How much of that had passed when the chain was asked.
    pub before_chain: Duration,
    /// `ALLOW`, `DENY`, `CONTINUE` or `UNDECIDED`.
    pub decision: &'static str,
    /// Why the client was not let in, exactly.
    pub reason: Option<Reason>,
    /// Who decided; empty: nobody, or the end of the chain.
    pub authenticator: &'a str,
    /// What came of each link of the chain; empty if the chain was not asked, or not to its end in time.
    pub steps: &'a [Step],
}
