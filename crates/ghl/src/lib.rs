//! The `GoHighLevel` API: sending a request of the catalog, and knowing what its answer means.
//!
//! [`Client::send`] makes one call and gives an [`Exchange`]: what went on, and an [`Outcome`]. There are
//! four, and what comes next hangs on nothing else: *success*; *not sent* (try again); *unclear* (it may have
//! taken effect: confirm before trying again); *rejected* (it did not, for a reason that says what to do).
//! [`composite`] orders the calls of an operation that is several of them; it is pure, and the engine makes
//! the calls. [`hooks`] is the other direction: what GHL tells of itself.
//!
//! What always holds: the credential is in no error and no log; the HTTP status decides, not the one in the
//! body; nothing is called a success whose answer could not be read. Start reading at [`outcome`], then
//! `classify`.

mod classify;
mod client;
pub mod compare;
pub mod composite;
pub mod contact;
pub mod files;
pub mod hooks;
pub mod oauth;
pub mod outcome;
pub mod rate;
mod upload;

pub use client::{Account, Client, Exchange};
pub use contact::filled;
pub use outcome::{Outcome, Rejection, Trouble};
pub use rate::RateHeaders;
