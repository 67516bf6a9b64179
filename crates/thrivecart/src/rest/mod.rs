//! `ThriveCart`'s REST API: one call over the wire, and what its answer means.
//!
//! ```text
//! catalog::Request ─► Client::send ─► Exchange { outcome: done | not sent | unclear | rejected with advice }
//! ```
//!
//! The API has one key for live and test mode; which one a call is about, the header `X-TC-Mode` says. It allows 60
//! requests a minute ([`PER_MINUTE`]) and tells nothing about what is left. Nothing here waits or sends twice. [`oauth`]
//! gets an access token, which does as well as a key. Sources: the official PHP SDK, the official Postman collection, and
//! what operators report.

mod classify;
mod client;
mod newest;
pub mod oauth;

pub use client::{Account, BASE_URL, Client};
pub use newest::NewestFirst;

/// Requests that an account may make in a minute (ThriveCart's API documentation).
pub const PER_MINUTE: i64 = 60;
