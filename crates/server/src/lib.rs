//! HTTP: the web hooks' addresses, health, and the administration that the command line uses.
//!
//! No business rule and no SQL stands here: a handler reads its input, makes one call into the engine and shows the
//! result. [`hooks`] is what the world reaches; [`api`] listens on a socket in the data directory, which only the user
//! who runs the server can open.

pub mod api;
mod error;
pub mod hooks;
mod listen;

pub use error::Problem;
pub use listen::{serve_tcp, serve_unix};
