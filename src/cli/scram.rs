//! Which SCRAM mechanism `portcullis login --scram` speaks.

use clap::ValueEnum;

use crate::hash::ScramHash;

/// Which mechanism to speak.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Mechanism {
    /// SCRAM-SHA-256
    Sha256,
    /// SCRAM-SHA-512
    Sha512,
}

impl Mechanism {
    pub(super) const fn hash(self) -> ScramHash {
        match self {
            Self::Sha256 => ScramHash::Sha256,
            Self::Sha512 => ScramHash::Sha512,
        }
    }

    /// Its SASL name.
    pub(super) const fn name(self) -> &'static str {
        self.hash().mechanism()
    }
}
