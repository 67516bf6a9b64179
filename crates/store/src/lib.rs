//! The only crate with SQL.
//!
//! [`db`] is the adapter to SQLite and PostgreSQL; the other modules are the store functions: each takes a
//! transaction, so that the engine composes what must be one.
//!
//! ```ignore
//! db.write(move |tx| {
//!     if !lanes::hold(tx, &lane)? { return Ok(None) }          // somebody else has the lane: write nothing
//!     journal::record_call(tx, &call)?;
//!     runs::finish(tx, run, End::Done, None, &[])?;
//!     runs::next_or_release(tx, &lane)
//! }).await?
//! ```
//!
//! Start reading at [`inbox`] (what comes in) and [`lanes`] (who works what).

pub mod audit;
pub mod automations;
pub mod budgets;
mod bulk;
pub mod connections;
pub mod contacts;
pub mod db;
pub mod history;
pub mod inbox;
pub mod installs;
pub mod items;
pub mod journal;
pub mod lanes;
pub mod lists;
pub mod meta;
pub mod migrate;
pub mod oauth;
pub mod past;
mod people;
pub mod polls;
pub mod quarantine;
pub mod runs;
pub mod schedules;
pub mod secrets;
#[cfg(feature = "seed")]
pub mod seed;
pub mod waits;

pub use db::{Db, Dialect, Error, Options, Row, Tx, Value};
pub use migrate::migrate;
