//! What went on during a call, in one vocabulary whatever the system.
//!
//! GHL's refusals keep their own vocabulary, which composites go on from; all others share that of
//! [`cartlane_outbound::exchange`].

use cartlane_ghl::RateHeaders;
use cartlane_ghl::composite::Answer;
use cartlane_model::UnixMs;
use cartlane_outbound::{self as outbound, Refusal as Why};
use serde_json::Value as Json;

/// What went on during a call, whatever the system.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub outcome: Came,
    pub status: Option<u16>,
    pub body: Option<Json>,
    pub trace_id: Option<String>,
    pub rate: RateHeaders,
    pub finished_at: UnixMs,
}

impl Exchange {
    pub fn without_answer(outcome: Came, finished_at: UnixMs) -> Self {
        Self {
            outcome,
            status: None,
            body: None,
            trace_id: None,
            rate: RateHeaders::default(),
            finished_at,
        }
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Came {
    Success(Json),
    NotSent(String),
    Unclear(String),
    Rejected(Refusal),
}

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    Ghl(cartlane_ghl::Rejection),
    Other(outbound::Rejection),
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ghl(rejection) => rejection.code(),
            Self::Other(rejection) => rejection.code,
        }
    }

    pub fn advice(&self) -> String {
        match self {
            Self::Ghl(rejection) => rejection.advice(),
            Self::Other(rejection) => rejection.advice(),
        }
    }

    /// Whether the whole connection is in trouble.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Ghl(rejection) => rejection.trouble().is_some(),
            Self::Other(rejection) => rejection.refusal == Why::Connection,
        }
    }

    /// Of a request that somebody wrote himself: that the token is not for its location is a fault of the request.
    pub fn blame_request(&mut self) {
        if matches!(self, Self::Ghl(cartlane_ghl::Rejection::WrongLocation)) {
            let message = "the token is not for the location that is asked for; write `{locationId}` for the connection's own";
            *self = Self::Ghl(cartlane_ghl::Rejection::Invalid {
                messages: vec![message.to_owned()],
            });
        }
    }

    /// How long all have to wait, in milliseconds, where there were too many requests: a second where it was not said.
    pub fn limited(&self) -> Option<i64> {
        let (Self::Ghl(cartlane_ghl::Rejection::RateLimited { retry_after_ms, .. })
        | Self::Other(outbound::Rejection {
            refusal: Why::Limited { retry_after_ms },
            ..
        })) = self
        else {
            return None;
        };
        Some(retry_after_ms.unwrap_or(1_000))
    }

    /// Whether the same request may go through in a moment: there were too many, but not for the whole day.
    pub fn is_brief(&self) -> bool {
        let is_daily = matches!(
            self,
            Self::Ghl(cartlane_ghl::Rejection::RateLimited { daily: true, .. })
        );
        self.limited().is_some() && !is_daily
    }

    /// Whether only a scope is missing, which concerns one operation alone.
    pub fn is_missing_scope(&self) -> bool {
        matches!(self, Self::Ghl(cartlane_ghl::Rejection::MissingScope { .. }))
    }

    /// Whether what the call was about is not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Ghl(rejection) => *rejection == cartlane_ghl::Rejection::NotFound,
            Self::Other(rejection) => rejection.refusal == Why::NotFound,
        }
    }

    /// The refusals that a step's fold can go on from: GHL's alone.
    pub fn answer(&self) -> Option<Answer> {
        match self {
            Self::Ghl(rejection) => answer(rejection),
            Self::Other(_) => None,
        }
    }

    /// Even a refused create of GHL's has been seen to create (highlevel-api-docs#64); a duplicate names what is there.
    pub fn may_have_created(&self) -> bool {
        use cartlane_ghl::Rejection;
        matches!(
            self,
            Self::Ghl(Rejection::Invalid { .. } | Rejection::NotFound | Rejection::Other { .. })
        )
    }
}

/// The refusals of GHL's that a step's fold can go on from.
pub(crate) fn answer(rejection: &cartlane_ghl::Rejection) -> Option<Answer> {
    use cartlane_ghl::Rejection;
    match rejection {
        Rejection::NotFound => Some(Answer::NotFound),
        Rejection::Duplicate {
            contact_id,
            matching_field,
        } => Some(Answer::Duplicate {
            contact_id: contact_id.clone(),
            matching_field: matching_field.clone(),
        }),
        Rejection::Invalid { messages } => Some(Answer::Invalid(messages.clone())),
        _ => None,
    }
}

impl From<cartlane_ghl::Exchange> for Exchange {
    fn from(exchange: cartlane_ghl::Exchange) -> Self {
        use cartlane_ghl::Outcome;
        Self {
            outcome: match exchange.outcome {
                Outcome::Success(answer) => Came::Success(answer),
                Outcome::NotSent(why) => Came::NotSent(why),
                Outcome::Unclear(why) => Came::Unclear(why),
                Outcome::Rejected(rejection) => Came::Rejected(Refusal::Ghl(rejection)),
            },
            status: exchange.status,
            body: exchange.body,
            trace_id: exchange.trace_id,
            rate: exchange.rate,
            finished_at: exchange.finished_at,
        }
    }
}

impl From<outbound::Exchange> for Exchange {
    fn from(exchange: outbound::Exchange) -> Self {
        use outbound::Outcome;
        let (outcome, body) = match exchange.outcome {
            // What a step's output is made of is what the journal keeps, so that a later turn makes the same of it.
            Outcome::Success(answer) => (Came::Success(answer.clone()), Some(answer)),
            Outcome::NotSent(why) => (Came::NotSent(why), exchange.body),
            Outcome::Unclear(why) => (Came::Unclear(why), exchange.body),
            Outcome::Rejected(rejection) => (Came::Rejected(Refusal::Other(rejection)), exchange.body),
        };
        Self {
            outcome,
            status: exchange.status,
            body,
            trace_id: exchange.trace_id,
            rate: RateHeaders::default(),
            finished_at: exchange.finished_at,
        }
    }
}
