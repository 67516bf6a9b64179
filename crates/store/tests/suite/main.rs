//! The promises of adapter, lanes and inbox, on a SQLite file and on a throw-away PostgreSQL.

mod budgets;
mod common;
mod fitness;
mod lanes;
mod postgres;
mod transactions;
mod versions;
