//! GHL's web hooks: deliveries as GHL posts them, signed with a key of the tests.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

/// An Ed25519 key as DER begins with these bytes (RFC 8410).
const HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed of 32 bytes")
}

/// The public key of the tests, as a connection is told it.
pub(super) fn public_key() -> String {
    STANDARD.encode([&HEAD, pair().public_key().as_ref()].concat())
}

/// Posts to the address of a connection's web hooks.
#[derive(Clone)]
pub struct GhlHook {
    client: Client,
    url: String,
}

impl GhlHook {
    pub(super) fn new(address: SocketAddr, hook_key: &str) -> Self {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        Self {
            client: client.expect("a client"),
            url: format!("http://{address}/hooks/ghl/{hook_key}"),
        }
    }

    /// Posts a payload as GHL does, signed; status and text of the answer.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, payload: &Value) -> (u16, String) {
        let body = payload.to_string();
        let signature = STANDARD.encode(pair().sign(body.as_bytes()));
        self.post(body, &[("x-ghl-signature", &signature)]).await
    }

    /// Posts any body with these headers; status and text of the answer.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post(&self, body: String, headers: &[(&str, &str)]) -> (u16, String) {
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json");
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.body(body).send().await.expect("the server answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Posts a signed payload and expects a 200.
    ///
    /// # Panics
    /// On any other answer, and when none comes.
    pub async fn deliver(&self, payload: &Value) -> String {
        let (status, text) = self.send(payload).await;
        assert_eq!(status, 200, "{text}");
        text
    }
}
