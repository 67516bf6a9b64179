//! Values that are bound to parameters.

use std::borrow::Cow;
use std::fmt::Display;

use cartlane_model::UnixMs;

/// A value that goes into or comes out of the database.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A 64-bit integer (BIGINT).
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes (BLOB, BYTEA).
    Blob(Cow<'a, [u8]>),
    /// `int8[]`; PostgreSQL only, for `unnest` and `= ANY`.
    IntArray(Vec<Option<i64>>),
    /// `text[]`; PostgreSQL only.
    TextArray(Vec<Option<Cow<'a, str>>>),
    /// `bytea[]`; PostgreSQL only.
    BlobArray(Vec<Option<Cow<'a, [u8]>>>),
}

impl Value<'static> {
    /// An id, or anything else with a text form, as that text.
    pub fn id(id: &impl Display) -> Self {
        Self::Text(Cow::Owned(id.to_string()))
    }

    /// As [`Value::id`]; NULL for none.
    pub fn opt_id(id: Option<&impl Display>) -> Self {
        id.map_or(Self::Null, Self::id)
    }
}

/// PostgreSQL's TEXT has no NUL character; U+FFFD stands for it, on SQLite too.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

/// As 0 or 1: the schema has no BOOLEAN.
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<UnixMs> for Value<'_> {
    fn from(value: UnixMs) -> Self {
        Self::Int(value.0)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(value))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
