//! Rows that come out of the database.

use std::str::FromStr;

use cartlane_model::UnixMs;

use super::{Error, Value};

/// One row of an answer; columns are counted from 0.
///
/// A getter that meets another type, or NULL without `opt_`, answers [`Error::Corrupt`]: the database holds something
/// that this program didn't write.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(super) Vec<Value<'static>>);

impl Row {
    /// The value of a column, whatever its type.
    pub fn value(&self, column: usize) -> Result<&Value<'static>, Error> {
        self.0.get(column).ok_or_else(|| {
            Error::Corrupt(format!(
                "column {column} was asked for, the answer has {}",
                self.0.len()
            ))
        })
    }

    /// An integer.
    pub fn int(&self, column: usize) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| null(column))
    }

    /// An integer or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(int) => Ok(Some(*int)),
            other => Err(unexpected(column, "an integer", other)),
        }
    }

    /// 0 or 1.
    pub fn bool(&self, column: usize) -> Result<bool, Error> {
        Ok(self.int(column)? != 0)
    }

    /// A moment, stored as milliseconds.
    pub fn time(&self, column: usize) -> Result<UnixMs, Error> {
        self.int(column).map(UnixMs)
    }

    /// A moment or NULL.
    pub fn opt_time(&self, column: usize) -> Result<Option<UnixMs>, Error> {
        Ok(self.opt_int(column)?.map(UnixMs))
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<&str, Error> {
        self.opt_text(column)?.ok_or_else(|| null(column))
    }

    /// Text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(unexpected(column, "text", other)),
        }
    }

    /// Bytes.
    pub fn blob(&self, column: usize) -> Result<&[u8], Error> {
        self.opt_blob(column)?.ok_or_else(|| null(column))
    }

    /// Bytes or NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            other => Err(unexpected(column, "bytes", other)),
        }
    }

    /// An id, or anything else that is read from text.
    pub fn id<T: FromStr>(&self, column: usize) -> Result<T, Error> {
        self.opt_id(column)?.ok_or_else(|| null(column))
    }

    /// As [`Row::id`], or NULL.
    pub fn opt_id<T: FromStr>(&self, column: usize) -> Result<Option<T>, Error> {
        let Some(text) = self.opt_text(column)? else {
            return Ok(None);
        };
        let wrong = || Error::Corrupt(format!("column {column} is not a {}", std::any::type_name::<T>()));
        text.parse().map(Some).map_err(|_| wrong())
    }
}

fn null(column: usize) -> Error {
    Error::Corrupt(format!("column {column} is NULL"))
}

// Says what was found by its type only: the value may be somebody's.
fn unexpected(column: usize, wanted: &str, found: &Value<'_>) -> Error {
    let found = match found {
        Value::Null => "NULL",
        Value::Int(_) => "an integer",
        Value::Text(_) => "text",
        Value::Blob(_) => "bytes",
        Value::IntArray(_) | Value::TextArray(_) | Value::BlobArray(_) => "an array",
    };
    Error::Corrupt(format!("column {column} is {found}, not {wanted}"))
}
