//! OAuth 2: the address where a person agrees, and the exchange of a code or a refresh token for a pair of tokens.
//!
//! Facts: the documentation's pages on authorization. A refresh token works once, and each answer brings a new one.

use cartlane_model::{ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use cartlane_outbound::oauth::{self, Answer};
use serde::Deserialize;
use url::Url;

pub use cartlane_outbound::oauth::{App, Error};

/// Where a person agrees, by the documentation.
pub const AUTHORIZE_URL: &str = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation";

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

#[derive(Deserialize)]
struct PairIn {
    access_token: String,
    refresh_token: String,
    expires_in: i64,
    #[serde(rename = "locationId")]
    location_id: Option<String>,
}

/// The address where a person agrees. `page` is [`AUTHORIZE_URL`], its white-label twin, or a sandbox's.
pub fn authorize_url(page: &Url, client_id: &str, redirect_uri: &str, scopes: &[String], state: &str) -> Url {
    let mut url = oauth::authorize_url(page, client_id, redirect_uri, state);
    url.query_pairs_mut().append_pair("scope", &scopes.join(" "));
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
    let mut endpoint = base_url.clone();
    endpoint.set_path("/oauth/token");
    let mut form = vec![("user_type", "Location")];
    match grant {
        Grant::Code { code, redirect_uri } => form.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
        ]),
        Grant::Refresh(token) => form.extend([
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose_secret()),
        ]),
    }
    read(oauth::ask(http, endpoint, app, &form).await?)
}

fn read(answer: Answer) -> Result<Pair, Error> {
    let words = answer.words();
    match answer.status {
        // The gateway's time-out comes as a 401, and an inactive location may become active again.
        401 if words.contains("timed out") => return Err(Error::Unclear(words.to_owned())),
        400 if words.contains("not active") => return Err(Error::NotYet(words.to_owned())),
        _ => {}
    }
    let read = serde_json::from_value::<PairIn>(answer.brought()?).ok();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Pair, Error> {
        read(Answer::from(&outbound::Response {
            status: http::StatusCode::from_u16(status).unwrap_or_default(),
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }))
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
