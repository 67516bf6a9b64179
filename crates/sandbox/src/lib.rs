//! An emulator of `GoHighLevel` ("GHL") that keeps state and speaks HTTP: the only double of GHL there is,
//! for tests, benchmarks, the torture run and `cartlane sandbox ghl`.
//!
//! A request goes one straight way: [`server`] reads it from its connection, [`pipeline`] decides, under one short
//! lock, in this order: known caller ([`auth`]), rate limit ([`limits`]), fault to inject ([`faults`]), effect (the
//! handler that [`router`] finds), entry in the [`log`]; then `server` answers, dribbles or cuts.
//!
//! Handlers are of two kinds: [`routes`] for what one location has, [`accounts`] for the agency's things and for tokens
//! ([`oauth`]). An operation that has none is checked against the vendor's schema and answered by an example
//! ([`answer`]). Effects cause signed events, which a task of its own sends ([`hooks`]).
//!
//! What always holds: the log's order is the order in which requests were accepted, an effect in the log did happen
//! and no effect is missing from it (while `settings.log` is on); no more than `limit.max` requests are accepted in
//! any `limit.interval_ms`; no lock is held while anything waits. Shapes and quirks are GHL's as far as they are
//! known; `docs/sandbox.md` lists where we had to assume.
//!
//! Start reading at [`Sandbox::bind`] and [`router`].

mod accounts;
mod admin;
mod answer;
mod associations;
mod auth;
mod blogs;
mod bulk;
mod businesses;
mod calendars;
mod contacts;
mod conversations;
mod documents;
mod edit;
mod facts;
mod faults;
mod hooks;
mod limits;
mod log;
mod membership;
mod notes;
mod oauth;
mod opportunities;
mod pipeline;
mod reply;
mod router;
mod routes;
mod schema;
mod search;
mod seed;
mod server;
mod settings;
mod state;
mod store;
mod tags;
mod tasks;
pub mod thrivecart;
mod time;
mod validate;
mod wire;

pub use conversations::{Message, MessageIds, PhoneCall};
pub use edit::{Edit, EditError};
pub use faults::{Fault, Match, Rule};
pub use hooks::Delivery;
pub use log::{Actor, Effect, Entry, Stats};
pub use server::{Options, Running, Sandbox};
pub use settings::{
    App, Company, CustomField, Install, Latency, Limit, Location, OAuth, Rates, Settings, SettingsError,
    Snapshot, Token, TokenKind, Webhook,
};
pub use state::{Revoked, State};
