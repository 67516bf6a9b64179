//! One call over the wire.

use std::sync::Arc;

use cartlane_catalog::Request;
use cartlane_model::event::Mode;
use cartlane_model::{Clock, ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use cartlane_outbound::{Exchange, Outcome, Refusal, Rejection, exchange};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
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
    let not_sent =
        |what: &str, error: &dyn std::fmt::Display| Outcome::NotSent(format!("the {what} is wrong: {error}"));
    let base = account.base_url.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{base}{}", request.path)).map_err(|error| not_sent("address", &error))?;
    let method: Method = request
        .method
        .parse()
        .map_err(|error| not_sent("method", &error))?;
    let key = format!("Bearer {}", account.key.expose_secret().trim());
    let mut key = HeaderValue::from_str(&key).map_err(|_| {
        Outcome::Rejected(Rejection {
            code: "thrivecart.invalid_token",
            message: "the API key holds characters that no key has".into(),
            remedy: "Give this connection the key as ThriveCart shows it.",
            refusal: Refusal::Connection,
        })
    })?;
    key.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([
        (AUTHORIZATION, key),
        (MODE, HeaderValue::from_static(account.mode.as_str())),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let body = request.body.as_ref().map(Value::to_string);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(outbound::Request {
        method,
        url,
        headers,
        body: body.unwrap_or_default().into(),
    })
}
