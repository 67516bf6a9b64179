//! One call over the wire.

use std::sync::Arc;

use cartlane_catalog::Request;
use cartlane_model::event::Mode;
use cartlane_model::{Clock, SecretString};
use cartlane_outbound as outbound;
use cartlane_outbound::api::{self, Fault};
use cartlane_outbound::{Exchange, Outcome, Refusal, Rejection, exchange};
use http::{HeaderName, HeaderValue};
use url::Url;

use super::classify::classify;

/// Where the API is. `api.thrivecart.com` resolves, but refuses everything.
pub const BASE_URL: &str = "https://thrivecart.com/api/external";

const MODE: HeaderName = HeaderName::from_static("x-tc-mode");
const REQUEST_ID: &str = "x-thrivecart-requestid";

/// One connection's address and credential.
#[derive(Clone, Debug)]
pub struct Account {
    /// [`BASE_URL`], or a sandbox.
    pub base_url: Url,
    /// An API key, or an OAuth access token: both go as a bearer token.
    pub key: SecretString,
    /// Whether a call is about real orders or those of the checkout's test mode.
    pub mode: Mode,
}

/// Sends calls. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: outbound::Client,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client over the given HTTP client.
    pub fn new(http: outbound::Client, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock }
    }

    /// Makes one call, once.
    pub async fn send(&self, account: &Account, request: &Request) -> Exchange {
        let wire = match wire(account, request) {
            Ok(wire) => wire,
            Err(outcome) => {
                let now = self.clock.now();
                return Exchange {
                    outcome,
                    ..Exchange::nothing(now, now)
                };
            }
        };
        let mut trace_id = None;
        let sent = exchange::send(&self.http, &*self.clock, wire, |answer| {
            let id = answer.headers.get(REQUEST_ID);
            trace_id = id.and_then(|id| Some(id.to_str().ok()?.to_owned()));
            classify(answer)
        });
        let exchange = sent.await;
        tracing::debug!(
            operation = request.operation_id,
            status = exchange.status,
            trace_id,
            "call to ThriveCart"
        );
        Exchange { trace_id, ..exchange }
    }
}

/// The request as it goes over the wire, or why there is none.
fn wire(account: &Account, request: &Request) -> Result<outbound::Request, Outcome> {
    let wire = api::request(
        (&account.base_url, &account.key),
        (&request.method, &request.path),
        request.body.as_ref(),
    );
    let mut wire = wire.map_err(|fault| match fault {
        Fault::Wrong(why) => Outcome::NotSent(why),
        Fault::Token => Outcome::Rejected(Rejection {
            code: "thrivecart.invalid_token",
            message: "the API key holds characters that no key has".into(),
            remedy: "Give this connection the key as ThriveCart shows it.",
            refusal: Refusal::Connection,
        }),
    })?;
    let mode = HeaderValue::from_static(account.mode.as_str());
    wire.headers.insert(MODE, mode);
    Ok(wire)
}
