//! Prefixed ids over `UUIDv7`, in text `evt_` and 26 characters of Crockford base 32.
//!
//! The text sorts as the id was made: by time first, and within a millisecond in the order in which this process made them.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::UnixMs;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 26;
/// How many ids this process has made; it may run over.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Why a text is not an id of the kind asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an id of the form {prefix}_ and 26 letters or digits")]
pub struct IdError {
    prefix: &'static str,
    text: String,
}

fn encode(value: u128) -> String {
    let digit = |index: usize| {
        let shift = 5 * (TEXT_LENGTH - 1 - index);
        char::from(ALPHABET[usize::try_from((value >> shift) & 31).unwrap_or_default()])
    };
    (0..TEXT_LENGTH).map(digit).collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != TEXT_LENGTH {
        return None;
    }
    let mut value: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        if index == 0 && digit > 7 {
            return None; // 26 digits hold 130 bits; the first may use three of its five
        }
        value = value << 5 | u128::try_from(digit).ok()?;
    }
    Some(value)
}

fn new_v7(now: UnixMs) -> Uuid {
    let ms = u64::try_from(now.0).unwrap_or_default();
    let seconds = ms / 1000;
    let nanos = u32::try_from(ms % 1000).unwrap_or_default() * 1_000_000;
    let made = MADE.fetch_add(1, Ordering::Relaxed).into();
    Uuid::new_v7(uuid::Timestamp::from_unix_time(seconds, nanos, made, 32))
}

macro_rules! define_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: `now` in its first 48 bits, then a counter, then randomness.
            pub fn new(now: UnixMs) -> Self {
                Self(new_v7(now))
            }

            /// An id from given bits, the same each time: for well-known rows and for tests.
            pub const fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0.as_u128()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(|bits| Self(Uuid::from_u128(bits)))
                    .ok_or_else(|| IdError { prefix: $prefix, text: text.to_owned() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

define_ids! {
    /// One client: its connections, automations, events and people.
    WorkspaceId = "ws";
    /// Credentials and address of one outside account.
    ConnectionId = "conn";
    /// One person as Cartlane knows them.
    ContactId = "con";
    /// One thing that happened.
    EventId = "evt";
    /// A versioned rule: trigger, condition, steps.
    AutomationId = "auto";
    /// One automation version applied to one event.
    RunId = "run";
    /// One request that went, or was about to go, over the wire.
    CallId = "call";
    /// A delivery that was refused and put aside.
    QuarantineId = "quar";
    /// An answer that is kept as a file.
    FileId = "file";
    /// One running server process.
    NodeId = "node";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_names_its_kind() {
        let id = EventId::new(UnixMs(1_700_000_000_000));
        let text = id.to_string();
        assert!(text.starts_with("evt_") && text.len() == 30, "{text}");
        assert_eq!(text.parse::<EventId>(), Ok(id));
        assert!(text.parse::<RunId>().is_err());
    }

    #[test]
    fn ids_sort_by_the_moment_they_were_made() {
        let early = EventId::new(UnixMs(1_700_000_000_000)).to_string();
        let late = EventId::new(UnixMs(1_700_000_000_001)).to_string();
        assert!(early < late);
    }

    #[test]
    fn ids_of_one_millisecond_sort_as_they_were_made() {
        let made: Vec<String> = (0..1_000)
            .map(|_| CallId::new(UnixMs(1_700_000_000_000)).to_string())
            .collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn text_of_more_than_128_bits_is_refused() {
        assert!("evt_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<EventId>().is_err());
    }
}
