//! A request and its answer, as all parts of the account read and make them.

use serde_json::{Value, json};

use super::shop::Delivery;

/// A request, read in full; a form's fields and JSON alike.
pub(super) struct Call {
    pub method: String,
    /// Below `/api/external` and its like.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub bearer: Option<String>,
    pub mode: String,
    pub body: Value,
}

/// An answer, and the web hooks that follow it.
pub(super) struct Reply {
    pub status: u16,
    pub body: Value,
    pub deliveries: Vec<Delivery>,
    /// Where a browser is sent.
    pub location: Option<String>,
}

/// An answer that no web hook follows.
pub(super) fn reply(status: u16, body: Value) -> Reply {
    Reply {
        status,
        body,
        deliveries: Vec::new(),
        location: None,
    }
}

/// A refusal with a word or a sentence.
pub(super) fn refused(status: u16, error: &str) -> Reply {
    reply(status, json!({"error": error}))
}

impl Call {
    /// A field of the body or the query, as text; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        let in_query = || {
            self.query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let in_body = match &self.body[name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        in_body.or_else(in_query).unwrap_or_default().trim().to_owned()
    }

    /// A number of the body or the query, from 1 up.
    pub fn number(&self, name: &str, otherwise: usize) -> usize {
        self.text(name)
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .unwrap_or(otherwise)
    }
}
