//! One call over the wire.

use std::sync::Arc;

use cartlane_catalog::{Catalog, Request, Run, answers};
use cartlane_model::{Clock, SecretString, UnixMs};
use cartlane_outbound as outbound;
use cartlane_outbound::api::{self, Fault};
use cartlane_outbound::exchange::kept;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use crate::classify::{Answer, classify};
use crate::files::{Files, Kept};
use crate::rate::retry_after_ms;
use crate::{Outcome, RateHeaders, Rejection, upload};

const VERSION: HeaderName = HeaderName::from_static("version");
/// The names under which the trace id is seen, where the body has none.
const TRACE_HEADERS: [&str; 3] = ["traceid", "x-trace-id", "trace-id"];

/// One connection's address and credential.
#[derive(Clone, Debug)]
pub struct Account {
    /// `https://services.leadconnectorhq.com`, or a sandbox.
    pub base_url: Url,
    /// The private integration token.
    pub token: SecretString,
    /// The location that the calls are about.
    pub location_id: String,
}

/// What went on during a call.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it means.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The answer: JSON, or its text; one beyond 64 KiB is only measured.
    pub body: Option<Value>,
    /// GHL's own id of the request, for its support.
    pub trace_id: Option<String>,
    /// What GHL says about its limits.
    pub rate: RateHeaders,
    /// How long GHL asks to wait, with whatever status.
    pub retry_after_ms: Option<i64>,
    /// When the call began.
    pub sent_at: UnixMs,
    /// When its end was known.
    pub finished_at: UnixMs,
}

/// Sends calls. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: outbound::Client,
    clock: Arc<dyn Clock>,
    files: Option<Files>,
}

impl Client {
    /// A client over the given HTTP client.
    pub fn new(http: outbound::Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            http,
            clock,
            files: None,
        }
    }

    /// Keeps answers that are no JSON, such as recordings, as files there. Without, they cannot be read.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = Some(files);
        self
    }

    /// Makes one call, once.
    pub async fn send(&self, account: &Account, request: &Request) -> Exchange {
        let sent_at = self.clock.now();
        let answer = match self.wire(account, request).await {
            Ok(wire) => self.answer(wire, request).await,
            Err(outcome) => Err(outcome),
        };
        let finished_at = self.clock.now();
        let exchange = match answer {
            Ok(Heard::Whole(response)) => read(request, &response, sent_at, finished_at),
            Ok(Heard::File(head, file)) => kept_file(&head, file, sent_at, finished_at),
            Err(outcome) => Exchange {
                outcome,
                status: None,
                body: None,
                trace_id: None,
                rate: RateHeaders::default(),
                retry_after_ms: None,
                sent_at,
                finished_at,
            },
        };
        tracing::debug!(
            operation = request.operation_id,
            status = exchange.status,
            trace_id = exchange.trace_id,
            duration_ms = finished_at.since_ms(sent_at),
            "call to GHL"
        );
        exchange
    }
}

/// What was heard of an answer.
enum Heard {
    Whole(outbound::Response),
    /// Its body became a file, or did not.
    File(outbound::Response, Result<Kept, Outcome>),
}

impl Client {
    /// The request as it goes over the wire, or why there is none.
    async fn wire(&self, account: &Account, request: &Request) -> Result<outbound::Request, Outcome> {
        let mut wire = wire(account, request)?;
        if let Some((content_type, form)) = upload::body(request, self.files.as_ref()).await? {
            wire.headers.insert(CONTENT_TYPE, content_type);
            wire.body = form;
        }
        Ok(wire)
    }

    async fn answer(&self, wire: outbound::Request, request: &Request) -> Result<Heard, Outcome> {
        let mut answer = self.http.open(wire).await?;
        let Some(files) = self
            .files
            .as_ref()
            .filter(|_| answer.status.is_success() && is_file(request, &answer.headers))
        else {
            return Ok(Heard::Whole(answer.read().await?));
        };
        let kept = files
            .keep(&mut answer, &request.operation_id, self.clock.now())
            .await;
        let head = outbound::Response {
            status: answer.status,
            headers: answer.headers,
            body: bytes::Bytes::new(),
        };
        Ok(Heard::File(head, kept))
    }
}

/// Whether an answer is to be kept as a file: its operation says so, or it is one to a request of somebody's own and is
/// not JSON.
fn is_file(request: &Request, headers: &HeaderMap) -> bool {
    let operation = Catalog::builtin().get(&request.operation_id);
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    operation.is_some_and(|operation| match operation.run {
        Run::Raw => {
            content.is_some_and(|content| !content.contains("json") && !content.starts_with("text/html"))
        }
        _ => operation.answers_file(),
    })
}

fn kept_file(
    head: &outbound::Response,
    file: Result<Kept, Outcome>,
    sent_at: UnixMs,
    finished_at: UnixMs,
) -> Exchange {
    let outcome = file.map_or_else(|outcome| outcome, |kept| Outcome::Success(json!({"file": kept})));
    let body = match &outcome {
        Outcome::Success(answer) => Some(answer.clone()),
        _ => None,
    };
    Exchange {
        outcome,
        body,
        status: Some(head.status.as_u16()),
        trace_id: trace_id(None, &head.headers),
        rate: RateHeaders::read(&head.headers),
        retry_after_ms: retry_after_ms(&head.headers, finished_at),
        sent_at,
        finished_at,
    }
}

/// The request as it goes over the wire, with its body as JSON, or why there is none.
fn wire(account: &Account, request: &Request) -> Result<outbound::Request, Outcome> {
    let wire = || {
        let mut wire = api::request(
            (&account.base_url, &account.token),
            (&request.method, &request.path),
            request.body.as_ref(),
        )?;
        let version = HeaderValue::from_str(&request.version);
        let version = version.map_err(|error| Fault::wrong("version", &error))?;
        wire.headers.insert(VERSION, version);
        Ok(wire)
    };
    wire().map_err(|fault| match fault {
        Fault::Wrong(why) => Outcome::NotSent(why),
        Fault::Token => Outcome::Rejected(Rejection::InvalidToken(
            "it holds characters that no token has".into(),
        )),
    })
}

fn read(request: &Request, response: &outbound::Response, sent_at: UnixMs, finished_at: UnixMs) -> Exchange {
    let text = String::from_utf8_lossy(&response.body);
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let body = body.map(|body| answers::normalize(&request.operation_id, body));
    let rate = RateHeaders::read(&response.headers);
    let retry_after_ms = retry_after_ms(&response.headers, finished_at);
    let catalog = Catalog::builtin();
    let scopes = catalog
        .get(&request.operation_id)
        .map(|operation| catalog.scopes(operation))
        .unwrap_or_default();
    let status = response.status.as_u16();
    let outcome = classify(&Answer {
        status,
        body: body.as_ref(),
        text: &text,
        rate: &rate,
        retry_after_ms,
        scopes: &scopes,
    });
    let trace_id = trace_id(body.as_ref(), &response.headers);
    Exchange {
        outcome,
        status: Some(status),
        body: kept(body, &response.body),
        trace_id,
        rate,
        retry_after_ms,
        sent_at,
        finished_at,
    }
}

fn trace_id(body: Option<&Value>, headers: &HeaderMap) -> Option<String> {
    let in_body = body.and_then(|body| body.get("traceId")?.as_str());
    let in_headers = || {
        TRACE_HEADERS
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok())
    };
    in_body.or_else(in_headers).map(str::to_owned)
}
