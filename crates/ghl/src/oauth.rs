//! OAuth 2: the address where a person agrees, and the exchange of a code or a refresh token for a pair of tokens.
//!
//! Facts: the documentation's pages on authorization. A refresh token works once, and each answer brings a new one.

use cartlane_model::{ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

/// Where a person agrees, by the documentation.
pub const AUTHORIZE_URL: &str = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation";

/// A marketplace app: the user's own.
#[derive(Clone, Debug)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretString,
}

/// A pair of tokens.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What calls are made with.
    pub access_token: SecretString,
    /// What the next pair is asked for with, once.
    pub refresh_token: SecretString,
    /// How long the access token lasts, in milliseconds.
    pub lasts_ms: i64,
    /// The location that it is for; `None` for an agency's.
    pub location_id: Option<String>,
}

/// What is given for a pair.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The code that a person came back with.
    Code {
        /// The code.
        code: &'a str,
        /// The address that they came back to, the same as in [`authorize_url`].
        redirect_uri: &'a str,
    },
    /// A refresh token.
    Refresh(&'a SecretString),
}

/// Why there is no pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was sent, or it was turned away before it was looked at: it may be tried again.
    #[error("{0}")]
    NotYet(String),
    /// Nobody knows whether what was given is used up.
    #[error("{0}")]
    Unclear(String),
    /// GHL does not take what was given.
    #[error("GHL refuses: {0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct PairIn {
    access_token: String,
    refresh_token: String,
    expires_in: i64,
    #[serde(rename = "locationId")]
    location_id: Option<String>,
}

/// The address where a person agrees. `base` is [`AUTHORIZE_URL`], its white-label twin, or a sandbox's.
pub fn authorize_url(base: &Url, client_id: &str, redirect_uri: &str, scopes: &[String], state: &str) -> Url {
    let mut url = base.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("client_id", client_id)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", state);
    url
}

/// Asks for a pair: `POST /oauth/token`, once.
///
/// # Errors
/// See [`Error`]. An answer without a whole pair is unclear.
pub async fn pair(
    http: &outbound::Client,
    base_url: &Url,
    app: &App,
    grant: Grant<'_>,
) -> Result<Pair, Error> {
    let mut url = base_url.clone();
    url.set_path("/oauth/token");
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form);
    let request = outbound::Request {
        method: Method::POST,
        url,
        headers,
        body: form_of(app, grant).into(),
    };
    match http.send(request).await {
        Ok(response) => read(&response),
        Err(outbound::Error::NotSent(why)) => Err(Error::NotYet(why)),
        Err(error) => Err(Error::Unclear(error.to_string())),
    }
}

fn form_of(app: &App, grant: Grant<'_>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", &app.client_id)
        .append_pair("client_secret", app.client_secret.expose_secret())
        .append_pair("user_type", "Location");
    match grant {
        Grant::Code { code, redirect_uri } => form
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect_uri),
        Grant::Refresh(token) => form
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.expose_secret()),
    };
    form.finish()
}

fn read(response: &outbound::Response) -> Result<Pair, Error> {
    let status = response.status.as_u16();
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    let words = json.as_ref().map(words).unwrap_or_default();
    match status {
        200..300 => {
            let read = json.and_then(|json| serde_json::from_value::<PairIn>(json).ok());
            let whole = read.filter(|pair| {
                !pair.access_token.is_empty() && !pair.refresh_token.is_empty() && pair.expires_in > 0
            });
            let pair = whole.ok_or_else(|| Error::Unclear("the answer holds no pair of tokens".into()))?;
            Ok(Pair {
                access_token: SecretString::from(pair.access_token),
                refresh_token: SecretString::from(pair.refresh_token),
                lasts_ms: pair.expires_in.saturating_mul(1000),
                location_id: pair.location_id,
            })
        }
        429 => Err(Error::NotYet("too many requests for tokens".into())),
        // The gateway's time-out comes as a 401, and an inactive location may become active again.
        401 if words.contains("timed out") => Err(Error::Unclear(words)),
        400 if words.contains("not active") => Err(Error::NotYet(words)),
        400 | 401 | 403 | 422 if json.is_some() => Err(Error::Refused(words)),
        _ => Err(Error::Unclear(format!("status {status} {words}"))),
    }
}

/// What a refusal says; never what was sent.
fn words(json: &Value) -> String {
    let said = ["error_description", "message", "error"];
    let said = said.iter().find_map(|name| json[*name].as_str());
    said.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Pair, Error> {
        read(&outbound::Response {
            status: http::StatusCode::from_u16(status).unwrap_or_default(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    #[test]
    fn only_a_whole_pair_is_one_and_only_a_refusal_is_final() {
        let whole = r#"{"access_token": "a", "refresh_token": "r", "expires_in": 86399, "locationId": "l"}"#;
        let pair = answer(200, whole).expect("a pair");
        assert_eq!(
            (pair.lasts_ms, pair.location_id.as_deref()),
            (86_399_000, Some("l"))
        );
        for body in [
            r#"{"access_token": "a", "expires_in": 86399}"#,
            r#"{"access_token": "", "refresh_token": "r", "expires_in": 1}"#,
            "<html>",
        ] {
            assert!(matches!(answer(200, body), Err(Error::Unclear(_))), "{body}");
        }
        let refused =
            r#"{"error": "invalid_grant", "error_description": "Invalid grant: refresh token is invalid"}"#;
        assert!(matches!(answer(400, refused), Err(Error::Refused(why)) if why.contains("refresh token")));
        assert!(matches!(
            answer(401, r#"{"message": "Command timed out"}"#),
            Err(Error::Unclear(_))
        ));
        assert!(matches!(
            answer(400, r#"{"message": "Location is not active"}"#),
            Err(Error::NotYet(_))
        ));
        assert!(matches!(answer(502, "bad gateway"), Err(Error::Unclear(_))));
    }
}
