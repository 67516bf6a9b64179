//! The adapter between synchronous SQL closures and two databases.
//!
//! ```ignore
//! let count = db.write(|tx| tx.execute("UPDATE runs SET state = ?1 WHERE id = ?2", &[Value::from("done"), Value::from(id)])).await?;
//! ```
//!
//! * SQLite: one writer thread; it drains its queue into one transaction with a savepoint per closure, so that many
//!   writes share one fsync. Readers have connections and threads of their own.
//! * PostgreSQL: a fixed set of threads, each with one connection; each closure is one transaction.
//!
//! One SQL text serves both: parameters are `?1`, `?2` … (rewritten to `$1` … at prepare time), times are integers,
//! JSON is TEXT, and the SQL function `now_ms()` is the moment: of the injected clock on SQLite, of the database
//! server plus the injected offset on PostgreSQL. A pair of texts stands only where the dialects differ.
//!
//! What always holds: a closure runs to its end or not at all, also when the future that waits for it is dropped; the
//! future resolves with `Ok` only after its transaction is durable; a closure that returns `Err` leaves no trace.

use std::borrow::Cow;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

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
}

/// One transaction, or one snapshot for reading.
pub trait Tx {
    /// Which SQL is spoken.
    fn dialect(&self) -> Dialect;
    /// Runs a statement; the number of rows that it changed.
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, Error>;
    /// Runs a statement and reads all its rows.
    fn query(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, Error>;
}
