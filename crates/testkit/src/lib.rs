//! What tests share: [`postgres`], the throw-away databases; and, with the feature `app`, `TestApp`: the whole house in
//! one process, from the web hook's address to the GHL sandbox.

#[cfg(feature = "app")]
mod app;
#[cfg(feature = "app")]
mod clock;
pub mod postgres;

#[cfg(feature = "app")]
pub use app::{Backend, Builder, Delivery, Ghl, GhlHook, LOCATION, SECRET, TOKEN, TestApp, ThriveCart};
#[cfg(feature = "app")]
pub use clock::TestClock;
