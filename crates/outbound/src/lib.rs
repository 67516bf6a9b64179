//! The one HTTP client: every request that leaves the program goes through it.
//!
//! What always holds: [`Error::NotSent`] means that not a byte of the request was written, so that it may be
//! sent again without a second thought; after any other error nobody knows whether it took effect. A request
//! goes out at most once: nothing is retried and no redirect is followed. Private networks are out of reach
//! unless allowed. Bodies are capped while they stream in. No error and no `Debug` text carries a header's
//! value or a query.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cartlane_outbound::{Client, Options, Request, install_crypto_provider};
//! install_crypto_provider();
//! let client = Client::new(&Options::default())?;
//! let response = client.send(Request::get("https://example.com/".parse()?)).await?;
//! # Ok(()) }
//! ```

pub mod api;
mod client;
pub mod exchange;
pub mod form;
mod guard;
pub mod oauth;

pub use client::{Answer, BuildError, Client, Error, Options, Request, Response};
pub use exchange::{Exchange, Outcome, Refusal, Rejection};
pub use guard::is_private;

/// Makes *ring* the process's TLS provider. To be called before the first [`Client`]; more calls do nothing.
pub fn install_crypto_provider() {
    // An error means that a provider is installed already, by us or by a dependency: either will do.
    drop(rustls::crypto::ring::default_provider().install_default());
}
