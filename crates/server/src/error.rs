//! Errors as they are shown: RFC 9457 problem details with a stable code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cartlane_engine::{AdminError, AuthorizeError, CallError, Refused};
use serde::Serialize;

/// An error as it is shown.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable code, `hook.wrong_secret`.
    pub code: &'static str,
    /// What happened and what to do.
    pub detail: String,
    /// Seconds after which it is worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem that trying again does not mend.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A problem that time mends.
    pub fn busy(code: &'static str, detail: impl Into<String>, retry_after: u32) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry_after: Some(retry_after),
            ..Self::new(status, code, detail)
        }
    }
}

impl Problem {
    /// As GHL understands it: it sends a delivery again only after a 429.
    #[must_use]
    pub fn for_ghl(self) -> Self {
        let may_come_again = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT];
        if !may_come_again.iter().any(|status| status.as_u16() == self.status) {
            return self;
        }
        Self {
            status: StatusCode::TOO_MANY_REQUESTS.as_u16(),
            retry_after: self.retry_after.or(Some(5)),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::UnknownHook => Self::new(StatusCode::NOT_FOUND, "hook.unknown", detail),
            Refused::WrongSecret { .. } => Self::new(StatusCode::UNAUTHORIZED, "hook.wrong_secret", detail),
            Refused::WrongAccount { .. } => Self::new(StatusCode::UNAUTHORIZED, "hook.wrong_account", detail),
            Refused::Distrusted { code, .. } => Self::new(StatusCode::UNAUTHORIZED, code, detail),
            Refused::NotDecodable(_) => Self::new(StatusCode::BAD_REQUEST, "hook.not_decodable", detail),
            Refused::Overloaded => Self::busy("hook.overloaded", detail, 5),
            Refused::StorageFull => Self::busy("hook.disk_full", detail, 60),
        }
    }
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        let (status, code) = match &error {
            AuthorizeError::Unknown(_) => (StatusCode::NOT_FOUND, "oauth.unknown"),
            AuthorizeError::Refused(_) => (StatusCode::BAD_GATEWAY, "oauth.refused"),
            AuthorizeError::OtherAccount { .. } => (StatusCode::CONFLICT, "oauth.other_account"),
            AuthorizeError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store.unavailable"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let detail = error.to_string();
        match error {
            AdminError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, "admin.unknown", detail),
            AdminError::Unfit(_) => Self::new(StatusCode::CONFLICT, "admin.unfit", detail),
            AdminError::NotGreen(_) => Self::new(StatusCode::CONFLICT, "automation.not_green", detail),
            AdminError::Problems(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "document.invalid", detail)
            }
            AdminError::Refused(refused) => refused.into(),
            AdminError::Store(_) => {
                tracing::error!(detail, "the database did not answer");
                Self::busy(
                    "store.unavailable",
                    "the database did not answer; see the server's log",
                    5,
                )
            }
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let status = match &error {
            CallError::NoConnection { .. }
            | CallError::UnknownOperation { .. }
            | CallError::NoSuchList(_) => StatusCode::NOT_FOUND,
            CallError::Inputs(_) | CallError::NoPages(_) | CallError::Stopped { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            CallError::Paused { .. } | CallError::NoBudget { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}
