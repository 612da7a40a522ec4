//! Why: the closed list of the public contract.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($variant:ident = $name:literal: $doc:literal),+ $(,)?) => {
        /// Why a login was denied, skipped or could not be decided. New reasons go to the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason { $(#[doc = $doc] $variant),+ }

        impl Reason {
            /// Every reason, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in the public contract.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

reasons! {
    BadUsernameOrPassword = "BAD_USERNAME_OR_PASSWORD": "wrong password; or, said to a client, anything that would help an attacker",
    NotAuthorized = "NOT_AUTHORIZED": "nobody vouched for the client",
    NoAuthenticator = "NO_AUTHENTICATOR": "the chain has no enabled authenticator and the cluster refuses such logins",
    UnknownUser = "UNKNOWN_USER": "no such user here",
    UserDisabled = "USER_DISABLED": "the user is switched off",
    CredentialExpired = "CREDENTIAL_EXPIRED": "the user's time is over, or that of the kind of hash that protects it",
    Locked = "LOCKED": "too many failures",
    RateLimited = "RATE_LIMITED": "too many attempts",
    TokenExpired = "TOKEN_EXPIRED": "exp is over",
    TokenNotYetValid = "TOKEN_NOT_YET_VALID": "nbf or iat lies ahead",
    TokenBadSignature = "TOKEN_BAD_SIGNATURE": "the signature does not verify",
    TokenUnknownKey = "TOKEN_UNKNOWN_KEY": "no key of that id",
    TokenClaimMismatch = "TOKEN_CLAIM_MISMATCH": "a claim is not what it must be",
    TokenMalformed = "TOKEN_MALFORMED": "not a token",
    ScramBadProof = "SCRAM_BAD_PROOF": "the client's proof is wrong",
    ScramBadState = "SCRAM_BAD_STATE": "the exchange is unknown, used, expired or not from here",
    BackendUnavailable = "BACKEND_UNAVAILABLE": "only failures stood in the way",
    BackendTimeout = "BACKEND_TIMEOUT": "the backend did not answer in time",
    BackendBadResponse = "BACKEND_BAD_RESPONSE": "the backend answered nonsense",
    DeadlineExceeded = "DEADLINE_EXCEEDED": "the caller's time was over",
    Overloaded = "OVERLOADED": "too much work is waiting",
    NotReady = "NOT_READY": "this node is starting or stopping",
    Stale = "STALE": "this node has not heard from a quorum for too long",
    PreconditionFalse = "PRECONDITION_FALSE": "the authenticator's precondition says it is not concerned",
    PreconditionError = "PRECONDITION_ERROR": "the precondition could not be evaluated",
    MissingCredential = "MISSING_CREDENTIAL": "the client did not present what this authenticator needs",
    MethodMismatch = "METHOD_MISMATCH": "the client asks for another authentication method",
    Disabled = "DISABLED": "the authenticator is switched off",
}

impl Reason {
    /// What a client may be told: the exact reason where it helps an attacker is folded into one.
    pub const fn coarse(self) -> Self {
        match self {
            Self::UnknownUser | Self::UserDisabled | Self::CredentialExpired => Self::BadUsernameOrPassword,
            other => other,
        }
    }

    /// Whether it says nothing about the client, but that this node cannot decide now.
    pub const fn is_undecided(self) -> bool {
        matches!(
            self,
            Self::Overloaded | Self::NotReady | Self::Stale | Self::DeadlineExceeded
        )
    }

    /// Whether something is at fault, and not the client.
    pub const fn is_failure(self) -> bool {
        self.is_undecided()
            || matches!(
                self,
                Self::BackendUnavailable | Self::BackendTimeout | Self::BackendBadResponse | Self::PreconditionError
            )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
