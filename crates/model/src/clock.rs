//! Time as data. Nothing below `cartlane` (the program) reads the system clock; it is handed a [`Clock`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. The form in which times are stored and passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The moment `ms` milliseconds later (earlier when negative). Saturates.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// From whole seconds since 1970, as `ThriveCart` writes its `*_unix` fields.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

/// RFC 3339 in UTC with milliseconds, `2026-11-23T08:00:00.000Z`.
impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Where the present moment comes from: the system in the program, a hand-moved one in tests.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> UnixMs;
}
