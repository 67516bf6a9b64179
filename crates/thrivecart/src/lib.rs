//! `ThriveCart`'s web hooks: bytes in, [`NewEvent`](cartlane_model::NewEvent) out; and its REST API ([`rest`]).
//!
//! ```text
//! body ─ form.rs / json.rs ─► one tree of text ─┬─ kinds.rs ─► kind
//!                                               ├─ facts/   ─► person, items, money, times
//!                                               ├─ keys.rs  ─► dedupe keys
//!                                               └─ mask.rs  ─► body without the secret
//! ```
//!
//! All but `rest` is pure: no I/O, no clock. What always holds: both wire forms of one payload give the same facts and the same body
//! key; a delivery that can be read at all is never refused for its shape; nothing that comes out holds the
//! account's secret but [`Incoming::secret`]. Start reading at [`decode`].

mod decode;
mod error;
mod escape;
mod facts;
mod form;
mod json;
mod keys;
mod kinds;
mod mask;
pub mod recorded;
pub mod rest;
mod secret;
mod tree;
pub mod wire;

pub use decode::{ContentType, Delivery, Incoming, Masked, decode, decode_stored};
pub use error::DecodeError;
pub use kinds::kind;
pub use secret::secret_matches;
pub use tree::Limits;
