//! Messages over the wire: to an SMTP listener and HTTP servers of the test's own, on this machine.

mod mail;
mod requests;
mod server;

use cartlane_model::{Clock, UnixMs};
use cartlane_outbound::{Client, Options, install_crypto_provider};

/// A moment like any other.
struct Still;

impl Clock for Still {
    fn now(&self) -> UnixMs {
        UnixMs(1_800_000_000_000)
    }
}

/// A client that may reach this machine, or only the public internet.
fn client(allow_private_networks: bool) -> Client {
    install_crypto_provider();
    let options = Options {
        allow_private_networks,
        request_timeout_ms: 2_000,
        ..Options::default()
    };
    Client::new(&options).expect("a client")
}
