//! Any HTTP request that an automation names.

use std::sync::Arc;

use cartlane_model::Clock;
use cartlane_outbound::exchange::{self, Answer};
use cartlane_outbound::{Client, Exchange, Outcome, Refusal, Rejection, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use url::Url;

/// Sends requests to addresses of the public internet. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Http {
    /// A sender over this client, whose guard decides which addresses may be reached.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self { client, clock }
    }

    /// Sends the request that the inputs describe, once.
    pub async fn send(&self, inputs: &Value) -> Exchange {
        let request = match request(inputs) {
            Ok(request) => request,
            Err(message) => {
                let now = self.clock.now();
                return Exchange {
                    outcome: Outcome::Rejected(rejection("http.invalid", message, Refusal::Invalid)),
                    ..Exchange::nothing(now, now)
                };
            }
        };
        let expected: Vec<u64> = inputs["expect"]
            .as_array()
            .map(|statuses| statuses.iter().filter_map(Value::as_u64).collect())
            .unwrap_or_default();
        exchange::send(&self.client, &*self.clock, request, |answer| {
            classify(answer, &expected)
        })
        .await
    }
}

/// The inputs as they may be recorded: headers have names, but no values.
pub fn without_header_values(inputs: &Value) -> Value {
    let mut inputs = inputs.clone();
    if let Some(headers) = inputs.get_mut("headers").and_then(Value::as_object_mut) {
        headers.values_mut().for_each(|value| *value = "…".into());
    }
    inputs
}

fn request(inputs: &Value) -> Result<Request, String> {
    let text = |name: &str| inputs[name].as_str().unwrap_or_default();
    let mut url = Url::parse(text("url").trim()).map_err(|error| format!("url is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("url must begin with https:// or http://".into());
    }
    let method: Method = text("method").parse().map_err(|_| "method is none".to_owned())?;
    if let Some(query) = inputs["query"].as_object().filter(|query| !query.is_empty()) {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in query.iter().flat_map(|(name, value)| each(name, value)) {
            pairs.append_pair(name, &plain(value));
        }
    }
    let mut headers = headers(inputs["headers"].as_object())?;
    let body = match &inputs["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => {
            headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            other.to_string()
        }
    };
    Ok(Request {
        method,
        url,
        headers,
        body: body.into(),
    })
}

fn each<'a>(name: &'a str, value: &'a Value) -> Vec<(&'a str, &'a Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(|value| (name, value)).collect(),
        value => vec![(name, value)],
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn headers(given: Option<&Map<String, Value>>) -> Result<HeaderMap, String> {
    let header = |(name, value): (&String, &Value)| {
        let fault = || format!("`{name}` is no header, or has no value that a header can have");
        let value = HeaderValue::from_str(&plain(value)).map_err(|_| fault())?;
        let name: HeaderName = name.parse().map_err(|_| fault())?;
        Ok((name, value))
    };
    given.into_iter().flatten().map(header).collect()
}

fn classify(answer: &Answer<'_>, expected: &[u64]) -> Outcome {
    let is_expected = match expected {
        [] => (200..300).contains(&answer.status),
        statuses => statuses.contains(&answer.status.into()),
    };
    if is_expected {
        return Outcome::Success(output(answer));
    }
    let said = match answer.told() {
        said if said.is_empty() => format!("the server answered {}", answer.status),
        said => format!("the server answered {}: {said}", answer.status),
    };
    match answer.status {
        408 | 500..=599 => Outcome::Unclear(said),
        429 => {
            let retry_after_ms = answer.retry_after_ms();
            Outcome::Rejected(rejection(
                "http.rate_limited",
                said,
                Refusal::Limited { retry_after_ms },
            ))
        }
        404 | 410 => Outcome::Rejected(rejection("http.not_found", said, Refusal::NotFound)),
        _ => Outcome::Rejected(rejection("http.refused", said, Refusal::Invalid)),
    }
}

fn output(answer: &Answer<'_>) -> Value {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), Value::from(value.to_str().ok()?)))
    };
    let headers: Map<String, Value> = answer.headers.iter().filter_map(header).collect();
    let body = match (answer.json, answer.text) {
        (Some(json), _) => json.clone(),
        (None, "") => Value::Null,
        (None, text) => text.into(),
    };
    json!({"status": answer.status, "headers": headers, "body": body})
}

fn rejection(code: &'static str, message: String, refusal: Refusal) -> Rejection {
    let remedy = match refusal {
        Refusal::Limited { .. } => "It is sent again when the server allows it.",
        _ => "Change the inputs or `expect`, and try again.",
    };
    Rejection {
        code,
        message,
        remedy,
        refusal,
    }
}
