//! OAuth 2's authorization code flow, as far as systems do it alike: the address where a person agrees, the question to the
//! token endpoint, and what an answer means.
//!
//! What systems do each in their own way (what a grant consists of, which words are no refusal) stays with their crates, which
//! read an [`Answer`] before they leave it to [`Answer::brought`]. What always holds: no error carries what was sent.

use cartlane_model::{ExposeSecret, SecretString};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{Client, Request, Response};

/// An app that is registered with the other side: the user's own.
#[derive(Clone, Debug)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretString,
}

/// Why nothing was got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was sent, or it was turned away before it was looked at: it may be tried again.
    #[error("{0}")]
    NotYet(String),
    /// Nobody knows whether what was given is used up.
    #[error("{0}")]
    Unclear(String),
    /// The other side does not take what was given.
    #[error("refused: {0}")]
    Refused(String),
}

impl Error {
    /// What is wrong, and what to do about it.
    pub fn advice(&self) -> String {
        let remedy = match self {
            Self::NotYet(_) => "Nothing is used up: try again in a moment.",
            Self::Unclear(_) => "Authorize anew: nobody knows whether the code is used up.",
            Self::Refused(_) => {
                "Check the app's client id, client secret and redirect address, and authorize anew."
            }
        };
        format!("{self}. {remedy}")
    }
}

/// The address where a person agrees. `page` is the other side's own, or a sandbox's.
pub fn authorize_url(page: &Url, client_id: &str, redirect_uri: &str, state: &str) -> Url {
    let mut url = page.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("client_id", client_id)
        .append_pair("state", state);
    url
}

/// What the other side answered. It may hold tokens, so it has no `Debug` text.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    json: Option<Value>,
}

/// Posts the app's credentials and `grant` as a form to the token endpoint, once.
///
/// # Errors
/// [`Error::NotYet`] where nothing was sent, [`Error::Unclear`] where there is no answer.
pub async fn ask(http: &Client, endpoint: Url, app: &App, grant: &[(&str, &str)]) -> Result<Answer, Error> {
    let form = Serializer::new(String::new())
        .append_pair("client_id", &app.client_id)
        .append_pair("client_secret", app.client_secret.expose_secret())
        .extend_pairs(grant)
        .finish();
    let request = Request {
        method: Method::POST,
        url: endpoint,
        headers: HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            ),
        ]),
        body: form.into(),
    };
    send(http, request).await
}

/// Sends a request about tokens, once.
///
/// # Errors
/// As [`ask`].
pub async fn send(http: &Client, request: Request) -> Result<Answer, Error> {
    match http.send(request).await {
        Ok(response) => Ok(Answer::from(&response)),
        Err(crate::Error::NotSent(why)) => Err(Error::NotYet(why)),
        Err(error) => Err(Error::Unclear(error.to_string())),
    }
}

impl From<&Response> for Answer {
    fn from(response: &Response) -> Self {
        Self {
            status: response.status.as_u16(),
            json: serde_json::from_slice(&response.body).ok(),
        }
    }
}

impl Answer {
    /// OAuth's own word for what is wrong, such as `invalid_grant`.
    pub fn error(&self) -> Option<&str> {
        self.json.as_ref()?.get("error")?.as_str()
    }

    /// What it says in words; never what was sent.
    pub fn words(&self) -> &str {
        let Some(json) = &self.json else {
            return "the answer is no JSON";
        };
        let said = ["error_description", "message", "description", "error"];
        let mut said = said.iter().filter_map(|name| json[*name].as_str());
        said.next().unwrap_or("no reason given")
    }

    /// What it brought, where it is a success.
    ///
    /// # Errors
    /// [`Error::Refused`] only where the other side itself says no; a success that cannot be read is unclear.
    pub fn brought(self) -> Result<Value, Error> {
        let words = self.words().to_owned();
        match (self.status, self.json) {
            (200..300, Some(json)) => Ok(json),
            (429, _) => Err(Error::NotYet("too many requests for tokens".into())),
            (400 | 401 | 403 | 422, Some(_)) => Err(Error::Refused(words)),
            (status, _) => Err(Error::Unclear(format!("status {status}: {words}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Value, Error> {
        let json = serde_json::from_str(body).ok();
        Answer { status, json }.brought()
    }

    #[test]
    fn only_a_refusal_in_its_own_words_is_final() {
        assert!(answer(200, r#"{"access_token": "a"}"#).is_ok());
        let refused = r#"{"error": "invalid_grant", "error_description": "The code is used"}"#;
        assert_eq!(
            answer(400, refused),
            Err(Error::Refused("The code is used".into()))
        );
        assert!(matches!(answer(429, ""), Err(Error::NotYet(_))));
        for (status, body) in [
            (200, "<html>"),
            (403, "<html>"),
            (404, refused),
            (502, "bad gateway"),
        ] {
            assert!(
                matches!(answer(status, body), Err(Error::Unclear(_))),
                "{status} {body}"
            );
        }
    }
}
