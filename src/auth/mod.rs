//! The domain: what a client presents, who may vouch for it, and what the answer is. No I/O, no async runtime.

mod authenticator;
mod chain;
mod clock;
mod credentials;
mod histogram;
mod keys;
mod live;
mod notes;
mod provider;
mod rate;
mod reason;
mod report;
mod secret;
mod settings;
mod tally;
mod traced;
mod trial;
mod user;
mod verdict;

pub use self::authenticator::{
    AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, GLOBAL_CHAIN, OnFailure, default_id,
};
pub use self::chain::{Chain, Decision, Link, Outcome, Step, StepVerdict};
pub use self::clock::{Clock, Instant, SystemClock, TestClock, Timestamp};
pub use self::credentials::Credentials;
pub use self::keys::{Key, KeyRing, SealingKey, SharedKeys};
pub use self::live::LiveChains;
pub use self::notes::{Notes, Timing};
pub use self::provider::{BoxFuture, CacheFigures, Health, Provider, ProviderError, ProviderStatus, Usage};
pub use self::reason::Reason;
pub use self::report::AuthenticatorReport;
pub use self::secret::Secret;
pub use self::settings::{ClusterSettings, NoAuthenticator};
pub use self::tally::{Came, Figures, Tally};
pub use self::traced::TracedLogin;
pub use self::trial::{Attempt, Trial};
pub use self::user::{PasswordRecord, PasswordUpgrades, UserDirectory, UserKey, UserRecord};
pub use self::verdict::{AclRule, Challenge, Denial, Finding, Identity, Verdict};
