//! Requests to an API that speaks JSON and knows its callers by a bearer token.

use std::fmt;

use cartlane_model::{ExposeSecret, SecretString};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use crate::Request;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why there is no request. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The address or the method is none.
    #[error("{0}")]
    Wrong(String),
    /// The token holds characters that no token has, such as a line's end in its middle.
    #[error("the token holds characters that no token has")]
    Token,
}

impl Fault {
    /// That `what` is wrong.
    pub fn wrong(what: &str, error: &dyn fmt::Display) -> Self {
        Self::Wrong(format!("the {what} is wrong: {error}"))
    }
}

/// A request to `path` below `base_url`: with the token, and with `body` as JSON where there is one. The caller adds what
/// headers its API wants besides.
///
/// # Errors
/// See [`Fault`].
pub fn request(
    (base_url, token): (&Url, &SecretString),
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Result<Request, Fault> {
    let base = base_url.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{base}{path}")).map_err(|error| Fault::wrong("address", &error))?;
    let method: Method = method.parse().map_err(|error| Fault::wrong("method", &error))?;
    let bearer = format!("Bearer {}", token.expose_secret().trim());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| Fault::Token)?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer), (ACCEPT, JSON)]);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, JSON);
    }
    Ok(Request {
        method,
        url,
        headers,
        body: body.map(Value::to_string).unwrap_or_default().into(),
    })
}
