//! Many rows at once: one statement over arrays on PostgreSQL, where a round trip is dear; one prepared statement for
//! each row on SQLite, where it is not.

use std::borrow::Cow;

use crate::db::{Dialect, Error, Tx, Value};

/// The two texts of a statement for many rows. `sqlite` takes one row's values as its parameters; `postgres` takes
/// columns, one array each, in the same order (`unnest(?1::text[], ?2::int8[], …)`).
pub(crate) struct Bulk {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl Bulk {
    /// Runs it for `rows`, all of the same length; the number of rows that it changed.
    pub(crate) fn execute(&self, tx: &mut dyn Tx, rows: Vec<Vec<Value<'_>>>) -> Result<u64, Error> {
        if rows.is_empty() {
            return Ok(0);
        }
        match tx.dialect() {
            Dialect::Sqlite => tx.execute_many(self.sqlite, &rows),
            Dialect::Postgres => tx.execute(self.postgres, &columns(rows)),
        }
    }
}

/// Rows as arrays. A column of nothing but NULL is one NULL: `unnest` fills it up to the others' length.
pub(crate) fn columns(rows: Vec<Vec<Value<'_>>>) -> Vec<Value<'_>> {
    let width = rows.first().map_or(0, Vec::len);
    let height = rows.len();
    let mut columns: Vec<Vec<Value<'_>>> = (0..width).map(|_| Vec::with_capacity(height)).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns.into_iter().map(array).collect()
}

fn array(values: Vec<Value<'_>>) -> Value<'_> {
    match values.iter().find(|value| **value != Value::Null) {
        Some(Value::Int(_)) => Value::IntArray(values.iter().map(int).collect()),
        Some(Value::Text(_)) => Value::TextArray(values.into_iter().map(text).collect()),
        Some(Value::Blob(_)) => Value::BlobArray(values.into_iter().map(blob).collect()),
        _ => Value::Null,
    }
}

fn int(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(int) => Some(*int),
        _ => None,
    }
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn blob(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Blob(bytes) => Some(bytes),
        _ => None,
    }
}
