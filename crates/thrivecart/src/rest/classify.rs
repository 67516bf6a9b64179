//! From status and body to an outcome.
//!
//! `ThriveCart` says what is wrong in `error`: a word of its own (`invalid_token`, `method.exception` with a `reason`) or a
//! sentence for people. The sentences matter: a subscription of somebody else's is a 400, not a 403.

use cartlane_outbound::exchange::Answer;
use cartlane_outbound::{Outcome, Refusal, Rejection};
use serde_json::Value;

/// Refusals that say that a thing is not there, whatever their status.
const NOT_THERE: [&str; 3] = [
    "could not be identified",
    "cannot be identified",
    "no orders associated",
];

/// What the answer means.
pub(super) fn classify(answer: &Answer<'_>) -> Outcome {
    let said = said(answer);
    let rejected = |code, refusal| Outcome::Rejected(rejection(code, said.clone(), refusal));
    let word = answer.json.and_then(|body| body.get("error")?.as_str());
    match (answer.status, word) {
        (200..=299, None) => match answer.json {
            Some(body) => Outcome::Success(body.clone()),
            None => Outcome::Unclear(format!(
                "ThriveCart answered {}, but not with JSON",
                answer.status
            )),
        },
        (401, _) | (_, Some("invalid_token" | "auth.missing")) => {
            rejected("thrivecart.invalid_token", Refusal::Connection)
        }
        // No such path, or not with this method: a fault of the catalog, or another server.
        (501, _) | (404, None) => rejected("thrivecart.no_such_call", Refusal::Invalid),
        (408 | 500..=599, _) => Outcome::Unclear(said),
        (429, _) => {
            let retry_after_ms = answer.retry_after_ms();
            rejected("thrivecart.rate_limited", Refusal::Limited { retry_after_ms })
        }
        (403, _) => rejected("thrivecart.blocked", Refusal::Connection),
        (404, Some(_)) => rejected("thrivecart.not_found", Refusal::NotFound),
        _ if NOT_THERE.iter().any(|words| said.contains(words)) => {
            rejected("thrivecart.not_found", Refusal::NotFound)
        }
        _ => rejected("thrivecart.invalid", Refusal::Invalid),
    }
}

/// What the answer says in words.
fn said(answer: &Answer<'_>) -> String {
    let text = |name: &str| answer.json.and_then(|body| body.get(name)?.as_str());
    let detail = text("reason").or_else(|| text("error_description"));
    match detail.or_else(|| text("error")) {
        Some(said) => format!("ThriveCart answered {}: {said}", answer.status),
        None => match answer.json {
            Some(Value::Object(_)) | None => {
                format!("ThriveCart answered {}: {}", answer.status, answer.told())
            }
            Some(_) => format!("ThriveCart answered {}", answer.status),
        },
    }
}

fn rejection(code: &'static str, message: String, refusal: Refusal) -> Rejection {
    let remedy = match (code, refusal) {
        (_, Refusal::Limited { .. }) => "Work goes on by itself when the minute is over.",
        ("thrivecart.blocked", _) => {
            "Something in front of ThriveCart refuses this machine: check base_url, proxies, the server's address."
        }
        (_, Refusal::Connection) => {
            "Make a new API key in ThriveCart (Settings > API & webhooks > API tokens) and give it to this connection; one that is \
             authorized by OAuth needs `cartlane connections reauthorize`."
        }
        (_, Refusal::NotFound) => {
            "Check the ids, and whether the order is of test mode: live and test mode do not see each other."
        }
        ("thrivecart.no_such_call", _) => {
            "Check the connection's base_url; if it is right, please report this."
        }
        _ => "Change the inputs accordingly and try again.",
    };
    Rejection {
        code,
        message,
        remedy,
        refusal,
    }
}
