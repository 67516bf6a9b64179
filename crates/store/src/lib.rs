//! The only crate with SQL: SQLite and PostgreSQL behind one adapter.
//!
//! [`db`] runs synchronous closures in transactions, [`migrate`] brings a database to this program's schema, and the
//! other modules are the functions that the engine calls. Nothing outside this crate sees a table or a column.

pub mod db;
pub mod migrate;

pub use db::{Db, Dialect, Error, Options, Row, Tx, Value};
pub use migrate::migrate;
