//! Answers, and GHL's error shapes.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::log::Effect;

/// An answer before it goes on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// An object gets a `traceId` on its way out.
    Json(Value),
    Text(&'static str),
    Html(&'static str),
    /// Bytes of this content type.
    File(Bytes, &'static str),
}

/// What a handler did.
pub(crate) struct Done {
    pub(crate) reply: Reply,
    pub(crate) effect: Option<Effect>,
}

impl Done {
    /// A read.
    pub(crate) fn read(body: Value) -> Self {
        Self {
            reply: Reply::json(200, body),
            effect: None,
        }
    }

    /// A write.
    pub(crate) fn wrote(status: u16, body: Value, effect: Effect) -> Self {
        Self {
            reply: Reply::json(status, body),
            effect: Some(effect),
        }
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(body),
            headers: Vec::new(),
        }
    }

    fn other(status: u16, body: Body) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::json(
            401,
            json!({"statusCode": 401, "message": message, "error": "Unauthorized"}),
        )
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::json(
            403,
            json!({"message": message, "error": "Forbidden", "statusCode": 403}),
        )
    }

    pub(crate) fn wrong_location() -> Self {
        Self::forbidden("The token does not have access to this location.")
    }

    /// Cloudflare's refusal of a client without a `User-Agent` of its own.
    pub(crate) fn no_user_agent() -> Self {
        Self::other(403, Body::Text("error code: 1010"))
    }

    pub(crate) fn no_such_path(method: &str, path: &str) -> Self {
        let message = format!("Cannot {method} {path}");
        Self::json(
            404,
            json!({"message": message, "error": "Not Found", "statusCode": 404}),
        )
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::json(
            400,
            json!({"statusCode": 400, "message": message, "error": "Bad Request"}),
        )
    }

    /// A missing id is a 400 with keys of its own.
    pub(crate) fn not_found(kind: &str, id: &str) -> Self {
        Self::json(
            400,
            json!({"error": format!("{kind} with id {id} not found"), "status": 400}),
        )
    }

    pub(crate) fn unprocessable(messages: &[String]) -> Self {
        Self::json(
            422,
            json!({"statusCode": 422, "message": messages, "error": "Unprocessable Entity"}),
        )
    }

    /// A 422 for one thing that is wrong.
    pub(crate) fn invalid(message: &str) -> Self {
        Self::unprocessable(&[message.to_owned()])
    }

    pub(crate) fn duplicate(contact_id: &str, contact_name: &str, matching_field: &str) -> Self {
        Self::json(
            400,
            json!({
                "statusCode": 400,
                "message": "This location does not allow duplicated contacts.",
                "meta": {"contactId": contact_id, "contactName": contact_name, "matchingField": matching_field},
            }),
        )
    }

    pub(crate) fn too_many() -> Self {
        Self::json(429, json!({"statusCode": 429, "message": "Too Many Requests"}))
    }

    pub(crate) fn server_error(status: u16) -> Self {
        match status {
            502 => Self::other(
                502,
                Body::Html("<html><head><title>502 Bad Gateway</title></head></html>"),
            ),
            503 => Self::json(503, json!({"statusCode": 503, "message": "Service Unavailable"})),
            other => Self::json(
                other,
                json!({"statusCode": other, "message": "Internal server error"}),
            ),
        }
    }

    /// The same status with a body that no JSON reader takes.
    pub(crate) fn unreadable(&self) -> Self {
        Self::other(self.status, Body::Html("<html><body>Something went wro"))
    }

    /// The bytes to send, an object with the trace id where given, and their content type.
    pub(crate) fn encode(self, trace_id: Option<&str>) -> (Bytes, &'static str) {
        match self.body {
            Body::Json(mut value) => {
                if let (Value::Object(object), Some(trace_id)) = (&mut value, trace_id) {
                    object.insert("traceId".to_owned(), Value::String(trace_id.to_owned()));
                }
                (
                    Bytes::from(serde_json::to_vec(&value).unwrap_or_default()),
                    "application/json; charset=utf-8",
                )
            }
            Body::Text(text) => (Bytes::from_static(text.as_bytes()), "text/plain; charset=UTF-8"),
            Body::File(bytes, content_type) => (bytes, content_type),
            Body::Html(text) => (Bytes::from_static(text.as_bytes()), "text/html; charset=UTF-8"),
        }
    }
}
