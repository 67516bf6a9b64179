//! From status and body to an outcome.
//!
//! GHL's statuses alone do not say what happened: a missing scope and a gateway's time-out both come as 401,
//! a missing contact as 400. The words are those that clients of the API report; where they are new to us the
//! status decides.

use serde_json::Value;

use crate::{Outcome, RateHeaders, Rejection};

/// What classification needs to know of an answer.
pub(crate) struct Answer<'a> {
    pub status: u16,
    /// The body, where it is JSON.
    pub body: Option<&'a Value>,
    /// The body as text.
    pub text: &'a str,
    pub rate: &'a RateHeaders,
    pub retry_after_ms: Option<i64>,
    /// The scopes that the operation needs.
    pub scopes: &'a [&'a str],
}

/// What the answer means. The HTTP status decides; the one in the body may disagree and is not looked at.
pub(crate) fn classify(answer: &Answer<'_>) -> Outcome {
    let messages = messages(answer);
    let said = messages.join("; ");
    match answer.status {
        204 => Outcome::Success(Value::Null),
        200..=299 => match answer.body {
            Some(body) => Outcome::Success(body.clone()),
            None => Outcome::Unclear(format!("GHL answered {}, but not with JSON", answer.status)),
        },
        408 | 500..=599 => Outcome::Unclear(format!("GHL answered {}: {said}", answer.status)),
        401 => unauthorized(answer, said),
        429 => Outcome::Rejected(rate_limited(answer)),
        403 => Outcome::Rejected(forbidden(answer, said)),
        404 => Outcome::Rejected(missing(answer, &said)),
        400 | 409 | 422 => Outcome::Rejected(refused(answer, messages)),
        status => Outcome::Rejected(Rejection::Other {
            status,
            message: said,
        }),
    }
}

/// What the answer says in words: `message` (text or a list) or `error`, else the beginning of its text.
fn messages(answer: &Answer<'_>) -> Vec<String> {
    const LONGEST: usize = 300;
    let field = |name: &str| answer.body?.get(name).filter(|value| !value.is_null());
    let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match field("message").or_else(|| field("error")) {
        Some(Value::Array(list)) if !list.is_empty() => list.iter().map(words).collect(),
        Some(value) => vec![words(value)],
        None => vec![answer.text.chars().take(LONGEST).collect()],
    }
}

/// Whether `said` holds any of `phrases`, in whatever case.
fn says(said: &str, phrases: &[&str]) -> bool {
    let said = said.to_lowercase();
    phrases.iter().any(|phrase| said.contains(phrase))
}

fn unauthorized(answer: &Answer<'_>, said: String) -> Outcome {
    if says(&said, &["timed out", "timeout"]) {
        return Outcome::Unclear(format!("GHL answered 401: {said}"));
    }
    Outcome::Rejected(if says(&said, &["not authorized for this scope"]) {
        Rejection::MissingScope {
            scopes: answer.scopes.iter().map(|&scope| scope.to_owned()).collect(),
            of_app: false,
        }
    } else if says(&said, &["version header"]) {
        Rejection::VersionHeader
    } else if says(&said, &["e01"]) {
        Rejection::Forbidden // an agency's search without its companyId; the token itself is right
    } else if says(&said, &["no message found"]) {
        Rejection::NotFound // a message's status; the token itself is right
    } else {
        Rejection::InvalidToken(said)
    })
}

fn forbidden(answer: &Answer<'_>, said: String) -> Rejection {
    if says(
        &said,
        &[
            "does not have access to this location",
            "not accessible from this token",
        ],
    ) {
        Rejection::WrongLocation
    } else if answer.body.is_some() {
        Rejection::Forbidden
    } else {
        // Not GHL but something in front of it, such as Cloudflare's error 1010.
        Rejection::Other {
            status: answer.status,
            message: said,
        }
    }
}

fn missing(answer: &Answer<'_>, said: &str) -> Rejection {
    if answer.body.is_none()
        || says(
            said,
            &["cannot get", "cannot post", "cannot put", "cannot delete"],
        )
    {
        return Rejection::Other {
            status: answer.status,
            message: format!("no such path: {said}"),
        };
    }
    Rejection::NotFound
}

fn refused(answer: &Answer<'_>, messages: Vec<String>) -> Rejection {
    let meta = |name: &str| answer.body?.pointer(&format!("/meta/{name}"))?.as_str();
    let said = messages.join("; ");
    if let Some(contact_id) = meta("contactId") {
        let matching_field = meta("matchingField").unwrap_or_default().to_owned();
        return Rejection::Duplicate {
            contact_id: contact_id.to_owned(),
            matching_field,
        };
    }
    if says(
        &said,
        &[
            "location is not active",
            "location is inactive",
            "location is suspended",
        ],
    ) {
        Rejection::LocationSuspended
    } else if says(&said, &["version header"]) {
        Rejection::VersionHeader
    } else if messages.len() == 1 && says(&said, &["not found"]) {
        Rejection::NotFound
    } else {
        Rejection::Invalid { messages }
    }
}

fn rate_limited(answer: &Answer<'_>) -> Rejection {
    let daily = answer.rate.is_day_spent();
    let by_headers = if daily {
        answer.rate.daily_reset_ms
    } else {
        answer.rate.interval_ms
    };
    Rejection::RateLimited {
        retry_after_ms: answer.retry_after_ms.or(by_headers),
        daily,
    }
}

#[cfg(test)]
mod tests;
