//! The adapter's promises, on a SQLite file and on a throw-away PostgreSQL.

mod common;
mod fitness;
mod postgres;
mod transactions;
