//! Why a body is not a delivery.

/// A body that is neither form nor JSON. The sender's fault; the text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`crate::Limits::body_bytes`].
    #[error("the body has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// `multipart/form-data`, which `ThriveCart` does not send.
    #[error(
        "byte 0: a multipart body is not supported; choose form or JSON in ThriveCart's webhook settings (Settings \
         > API & Webhooks > Webhooks & notifications)"
    )]
    Multipart,
    /// Cannot be read as what it seems to be.
    #[error("byte {position}: {message}; expected {expected}")]
    Malformed {
        /// Offset of the first byte that does not fit.
        position: usize,
        /// What is wrong there.
        message: String,
        /// What would have been read.
        expected: &'static str,
    },
}

impl DecodeError {
    /// Offset in bytes of the first byte that does not fit.
    pub fn position(&self) -> usize {
        match self {
            Self::TooLarge { limit } => *limit,
            Self::Multipart => 0,
            Self::Malformed { position, .. } => *position,
        }
    }
}
