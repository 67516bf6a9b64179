//! One request and what came of it.
//!
//! The four outcomes are the same for all systems. GHL has refusals of its own (`cartlane-ghl`); `ThriveCart`, Slack, mail
//! servers and strangers' servers do with [`Rejection`], and their calls are made by [`send`]. What always holds: [`Outcome::NotSent`] is only said where nothing took effect, [`Outcome::Unclear`] wherever that is
//! not known.

use std::fmt;

use cartlane_model::{Clock, UnixMs};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::{Client, Error, Request, Response};

/// The largest answer that is kept with a call's record, in bytes.
const KEPT_BYTES: usize = 64 * 1024;
/// The longest wait that is believed, in seconds.
const LONGEST_WAIT_S: i64 = 86_400;
/// So much of an answer's text is told, in letters.
const TOLD_LETTERS: usize = 300;

/// What came of a request. `R` says why it was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<R = Rejection> {
    /// It was done; what it brought.
    Success(Value),
    /// It had no effect and can have none; it may be sent again at once.
    NotSent(String),
    /// Nobody knows: time-out, cut connection, 408, 5xx, unreadable answer. It may have been done.
    Unclear(String),
    /// It was refused.
    Rejected(R),
}

/// What it means that there is no answer.
impl<R> From<Error> for Outcome<R> {
    fn from(error: Error) -> Self {
        match error {
            Error::NotSent(why) => Self::NotSent(why),
            error => Self::Unclear(error.to_string()),
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable code, which has a section in the documentation.
    pub code: &'static str,
    /// What the other side said.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// What it means for what comes next.
    pub refusal: Refusal,
}

/// What a refusal means for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many requests: everything waits.
    Limited {
        /// How long, in milliseconds; `None` where the other side does not say.
        retry_after_ms: Option<i64>,
    },
    /// Every request of this connection would be refused likewise: it pauses.
    Connection,
    /// What the request is about is not there.
    NotFound,
    /// The request itself is wrong.
    Invalid,
}

impl Rejection {
    /// What is wrong, in the other side's words, and what to do about it.
    pub fn advice(&self) -> String {
        format!("{self}. {}", self.remedy)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end_matches('.'))
    }
}

/// What went on during a call.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it means.
    pub outcome: Outcome,
    /// The HTTP status, or SMTP's code; where there was an answer.
    pub status: Option<u16>,
    /// The answer: JSON, or its text; one beyond 64 KiB is only measured.
    pub body: Option<Value>,
    /// The other side's own id of the request, for its support.
    pub trace_id: Option<String>,
    /// When the call began.
    pub sent_at: UnixMs,
    /// When its end was known.
    pub finished_at: UnixMs,
}

/// An answer as [`send`] hands it to its classifier.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, where it is JSON.
    pub json: Option<&'a Value>,
    /// The body as text.
    pub text: &'a str,
}

impl Answer<'_> {
    /// How long the other side asks to wait, in milliseconds. Only seconds are read, not dates.
    pub fn retry_after_ms(&self) -> Option<i64> {
        let seconds: i64 = self
            .headers
            .get(RETRY_AFTER)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some(seconds.clamp(0, LONGEST_WAIT_S) * 1000)
    }

    /// The beginning of the body, for people.
    pub fn told(&self) -> String {
        self.text.trim().chars().take(TOLD_LETTERS).collect()
    }
}

/// Sends a request, once, and has `classify` say what its answer means.
pub async fn send(
    client: &Client,
    clock: &dyn Clock,
    request: Request,
    classify: impl FnOnce(&Answer<'_>) -> Outcome,
) -> Exchange {
    let sent_at = clock.now();
    let came = client.send(request).await;
    let finished_at = clock.now();
    match came {
        Ok(response) => read(&response, classify, sent_at, finished_at),
        Err(error) => Exchange {
            outcome: error.into(),
            ..Exchange::nothing(sent_at, finished_at)
        },
    }
}

impl Exchange {
    /// One without an answer; the outcome is for the caller to say.
    pub fn nothing(sent_at: UnixMs, finished_at: UnixMs) -> Self {
        Self {
            outcome: Outcome::NotSent(String::new()),
            status: None,
            body: None,
            trace_id: None,
            sent_at,
            finished_at,
        }
    }
}

fn read(
    response: &Response,
    classify: impl FnOnce(&Answer<'_>) -> Outcome,
    sent_at: UnixMs,
    finished_at: UnixMs,
) -> Exchange {
    let text = String::from_utf8_lossy(&response.body);
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    let outcome = classify(&Answer {
        status: response.status.as_u16(),
        headers: &response.headers,
        json: json.as_ref(),
        text: &text,
    });
    Exchange {
        outcome,
        status: Some(response.status.as_u16()),
        body: kept(json, &response.body),
        trace_id: None,
        sent_at,
        finished_at,
    }
}

/// What of an answer is kept with a call's record: its JSON, where it is some, or its text.
pub fn kept(json: Option<Value>, body: &[u8]) -> Option<Value> {
    match json {
        _ if body.len() > KEPT_BYTES => Some(json!({"omitted_bytes": body.len()})),
        None if body.is_empty() => None,
        None => Some(String::from_utf8_lossy(body).into()),
        json => json,
    }
}
