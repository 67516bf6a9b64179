//! The adapter between synchronous SQL closures and two databases.
//!
//! ```no_run
//! # use cartlane_store::{Db, Error, Tx, Value};
//! # async fn example(db: Db, id: String) -> Result<u64, Error> {
//! db.write(move |tx| tx.execute("UPDATE runs SET state = ?1 WHERE id = ?2", &[Value::from("done"), Value::from(&id)]))
//!     .await
//! # }
//! ```
//!
//! * SQLite: one writer thread; it drains its queue into one transaction with a savepoint per closure, so that many
//!   writes share one fsync. Readers have connections and threads of their own.
//! * PostgreSQL: a fixed set of threads, each with one connection; each closure is one transaction (READ COMMITTED; a
//!   read is one REPEATABLE READ snapshot).
//!
//! One SQL text serves both: parameters are `?1`, `?2` … (rewritten to `$1` … at prepare time), times are integers,
//! JSON is TEXT, and the SQL function `now_ms()` is the moment: of the injected clock on SQLite, of the database
//! server plus the injected offset on PostgreSQL. A pair of texts stands only where the dialects differ
//! ([`Dialect::pick`]). What to watch for in a common text:
//!
//! * `SUM` of a BIGINT is NUMERIC on PostgreSQL; a whole one is read as an integer, so no cast is needed.
//! * An integer parameter is a BIGINT. Functions that want an INTEGER (`substr`, `left`) need `CAST(?1 AS INTEGER)`.
//! * A NUL character, which PostgreSQL's TEXT cannot hold, is stored as U+FFFD on both.
//! * PostgreSQL sorts by the column's collation; columns that are paged over are declared `COLLATE "C"`.
//!
//! What always holds: a closure's transaction happens as a whole or not at all, also when the future that waits for it
//! is dropped; the future resolves with `Ok` only after its transaction is durable; a closure that returns `Err`,
//! panics, or returns `Ok` although one of its statements failed, leaves no trace. A closure may run several times
//! (that is why it is `FnMut`), but only one of its runs ever commits, so it must have no effect but through its `Tx`.
//! What a closure answers, also an `Err`, is handed out only when all that it may have read is durable.
//!
//! Start reading at [`Db`]; [`sqlite`] and [`postgres`] are the two machines behind it.

mod error;
mod handle;
mod job;
mod options;
mod postgres;
mod queue;
mod row;
mod sqlite;
mod value;

pub use error::Error;
pub use handle::Db;
pub use options::Options;
pub use row::Row;
pub use value::Value;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The text for this dialect, of a pair: only where one text cannot serve both.
    #[must_use]
    pub fn pick(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

/// One transaction, or one snapshot for reading.
///
/// After a statement has failed the transaction can only end: every later statement answers [`Error::Aborted`], and
/// nothing is committed whatever the closure returns. (PostgreSQL is like that; SQLite is made to be.) Use
/// `ON CONFLICT DO NOTHING` where a conflict is expected.
pub trait Tx {
    /// Which SQL is spoken.
    fn dialect(&self) -> Dialect;

    /// Runs a statement that returns no rows; the number of rows that it changed.
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, Error>;

    /// Runs a statement and reads all its rows.
    fn query(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, Error>;

    /// Runs several statements without parameters: a migration.
    fn batch(&mut self, sql: &'static str) -> Result<(), Error>;

    /// Runs a statement and reads its first row, if it has any.
    fn query_opt(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Runs a statement that always has a row and reads it; [`Error::Corrupt`] when there is none.
    fn query_one(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Row, Error> {
        self.query_opt(sql, params)?
            .ok_or_else(|| Error::Corrupt(format!("no row came from: {}", error::brief(sql))))
    }

    /// Runs one statement for each set of parameters; the sum of the rows changed. On PostgreSQL that is a round trip
    /// each: for many rows write one statement over `unnest` with the array values of [`Value`] there.
    fn execute_many(&mut self, sql: &'static str, sets: &[Vec<Value<'_>>]) -> Result<u64, Error> {
        let mut changed = 0;
        for params in sets {
            changed += self.execute(sql, params)?;
        }
        Ok(changed)
    }
}
