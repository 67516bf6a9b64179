//! A closure's view of a SQLite transaction.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::super::value::storable;
use super::super::{Dialect, Error, Row, Tx, Value};
use super::connection::failure;

/// One closure's part of the transaction.
pub(super) struct SqliteTx<'c> {
    connection: &'c Connection,
    failed: Option<Error>,
}

impl<'c> SqliteTx<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            failed: None,
        }
    }

    /// What a closure's end means (to be kept, to be undone, or an error for its waiter), and the first statement that
    /// failed in it.
    pub(super) fn end(self, ran: Result<bool, Error>) -> (Result<bool, Error>, Option<Error>) {
        let outcome = match ran {
            Ok(true) if self.failed.is_some() => Err(Error::Aborted),
            other => other,
        };
        (outcome, self.failed)
    }

    fn attempt<T>(
        &mut self,
        sql: &'static str,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        if self.failed.is_some() {
            return Err(Error::Aborted);
        }
        run(self.connection).map_err(|error| {
            let error = failure(self.connection, sql, error);
            self.failed = Some(error.clone());
            error
        })
    }
}

impl Tx for SqliteTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, Error> {
        self.attempt(sql, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let changed = statement.execute(rusqlite::params_from_iter(params))?;
            Ok(changed as u64)
        })
    }

    fn query(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.attempt(sql, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            rows(&mut statement, params)
        })
    }

    fn execute_many(&mut self, sql: &'static str, sets: &[Vec<Value<'_>>]) -> Result<u64, Error> {
        self.attempt(sql, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut changed = 0;
            for params in sets {
                changed += statement.execute(rusqlite::params_from_iter(params))? as u64;
            }
            Ok(changed)
        })
    }

    fn batch(&mut self, sql: &'static str) -> Result<(), Error> {
        self.attempt(sql, |connection| connection.execute_batch(sql))
    }
}

fn rows(statement: &mut CachedStatement<'_>, params: &[Value<'_>]) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut found = Vec::new();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| owned(column, row.get_ref(column)?));
        found.push(Row(values.collect::<rusqlite::Result<_>>()?));
    }
    Ok(found)
}

fn owned(column: usize, value: ValueRef<'_>) -> rusqlite::Result<Value<'static>> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(Cow::Owned(text.to_owned()))),
            Err(error) => Err(rusqlite::Error::Utf8Error(column, error)),
        },
        ValueRef::Blob(bytes) => Ok(Value::Blob(Cow::Owned(bytes.to_owned()))),
        ValueRef::Real(_) => Err(rusqlite::Error::InvalidColumnType(
            column,
            "REAL".to_owned(),
            rusqlite::types::Type::Real,
        )),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Int(int) => ToSqlOutput::Borrowed(ValueRef::Integer(*int)),
            Value::Text(text) => match storable(text) {
                Cow::Borrowed(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
                Cow::Owned(text) => ToSqlOutput::Owned(rusqlite::types::Value::Text(text)),
            },
            Value::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::IntArray(_) | Value::TextArray(_) | Value::BlobArray(_) => {
                let message = "array parameters exist on PostgreSQL only";
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        })
    }
}
