//! Slack's incoming web hooks: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
//!
//! The address is the credential. Slack answers `ok` or a word of its own as plain text, and allows about one message a
//! second.

use std::sync::Arc;

use cartlane_model::{Clock, ExposeSecret, SecretString};
use cartlane_outbound::exchange::{self, Answer};
use cartlane_outbound::{Client, Exchange, Outcome, Refusal, Rejection, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use url::Url;

/// Posts to one incoming web hook. Cheap to clone.
#[derive(Clone)]
pub struct Slack {
    client: Client,
    clock: Arc<dyn Clock>,
    url: SecretString,
}

impl Slack {
    /// A sender to the web hook with this address.
    pub fn new(client: Client, clock: Arc<dyn Clock>, url: SecretString) -> Self {
        Self { client, clock, url }
    }

    /// Posts nothing, which Slack refuses as such where the web hook is alive.
    pub async fn check(&self) -> Exchange {
        self.send(&json!({})).await
    }

    /// Posts `text` and, where given, `blocks`; once.
    pub async fn send(&self, inputs: &Value) -> Exchange {
        let Ok(url) = Url::parse(self.url.expose_secret().trim()) else {
            let now = self.clock.now();
            return Exchange {
                outcome: Outcome::Rejected(rejection(
                    "slack.address",
                    "the web hook's address is none",
                    Refusal::Connection,
                )),
                ..Exchange::nothing(now, now)
            };
        };
        let body: serde_json::Map<String, Value> = ["text", "blocks"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), inputs.get(name)?.clone())))
            .collect();
        let request = Request {
            method: Method::POST,
            url,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
            body: Value::Object(body).to_string().into(),
        };
        exchange::send(&self.client, &*self.clock, request, classify).await
    }
}

fn classify(answer: &Answer<'_>) -> Outcome {
    let said = || match answer.told() {
        said if said.is_empty() => format!("Slack answered {}", answer.status),
        said => format!("Slack answered {}: {said}", answer.status),
    };
    let refused = |code, refusal| Outcome::Rejected(rejection(code, &said(), refusal));
    match answer.status {
        200..=299 => Outcome::Success(json!({"ok": true})),
        408 | 500..=599 => Outcome::Unclear(said()),
        429 => {
            let retry_after_ms = answer.retry_after_ms();
            refused("slack.rate_limited", Refusal::Limited { retry_after_ms })
        }
        // The web hook was removed, its channel archived, or its app may not post any more.
        401 | 403 | 404 | 410 => refused("slack.refused", Refusal::Connection),
        _ => refused("slack.invalid", Refusal::Invalid),
    }
}

fn rejection(code: &'static str, message: &str, refusal: Refusal) -> Rejection {
    let remedy = match refusal {
        Refusal::Limited { .. } => "Work goes on by itself in a moment.",
        Refusal::Connection => {
            "Make a new incoming web hook in Slack and give its address to this connection."
        }
        Refusal::NotFound | Refusal::Invalid => "Change text or blocks accordingly and try again.",
    };
    Rejection {
        code,
        message: message.to_owned(),
        remedy,
        refusal,
    }
}
