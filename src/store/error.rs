//! What can go wrong with the store, whatever it was doing.

use std::io;

/// Why the store could not do it. Any of these from `apply` or `install` stops the node.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or sled.
    #[error("store: {doing}: {source}")]
    Io { doing: String, source: io::Error },
    /// A value that cannot be read back.
    #[error("store: `{what}` is damaged: {why}")]
    Damaged { what: String, why: String },
}

impl StoreError {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing: doing.into(),
            source,
        }
    }

    pub(super) fn sled(doing: impl Into<String>) -> impl FnOnce(sled::Error) -> Self {
        move |error| match error {
            sled::Error::Io(source) => Self::Io {
                doing: doing.into(),
                source,
            },
            damage => Self::damaged("tables", damage.to_string()),
        }
    }

    pub(super) fn damaged(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            why: why.into(),
        }
    }

    /// Whether dropping the tables and building them anew would help; it would not against a full disk.
    pub(super) fn is_doubt(&self) -> bool {
        use io::ErrorKind as Kind;
        match self {
            Self::Damaged { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput | Kind::NotFound | Kind::Other
            ),
        }
    }

    pub(super) fn closed() -> Self {
        Self::Io {
            doing: "use".to_owned(),
            source: io::Error::other("the store is closed"),
        }
    }
}
