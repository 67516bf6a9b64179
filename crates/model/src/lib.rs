//! The nouns that every other crate speaks of: ids, events, money, contact keys, secrets and the clock.
//!
//! Pure data: no async runtime, no SQL, no HTTP, no environment, and no clock but the one that is passed in.
//! Start reading at [`event`]; everything else is a building block of it.

pub mod clock;
pub mod contact;
pub mod event;
pub mod id;
pub mod money;
pub mod problem;

pub use clock::{Clock, UnixMs};
pub use contact::{ContactKey, Person};
pub use event::{DedupeKey, Event, EventKind, Facts, Item, Mode, NewEvent, Subscription};
pub use id::{
    AutomationId, CallId, ConnectionId, ContactId, EventId, FileId, NodeId, QuarantineId, RunId, WorkspaceId,
};
pub use money::Money;
pub use problem::{Problem, Problems};
pub use secrecy::{ExposeSecret, SecretString};
