//! OAuth 2: the address where a person agrees, and the exchange of a code or a refresh token for a pair of tokens.
//!
//! Facts: the documentation's pages on authorization. A refresh token works once, and each answer brings a new one.

use cartlane_model::{ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use cartlane_outbound::api;
use cartlane_outbound::oauth::{self, Answer};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

pub use cartlane_outbound::oauth::{App, Error};

/// Where a person agrees, by the documentation.
pub const AUTHORIZE_URL: &str = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation";

/// The same under the vendor's other name, for agencies that show their customers their own.
pub const WHITE_LABEL_AUTHORIZE_URL: &str = "https://marketplace.leadconnectorhq.com/v2/oauth/chooselocation";

/// The version of the API that makes a location's token.
const VERSION: &str = "2021-07-28";

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
    /// The agency that it is for, or that the location belongs to.
    pub company_id: Option<String>,
    /// What it may do, separated by spaces; empty where the answer does not say.
    pub scopes: String,
}

/// Whose tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserType {
    /// A location's.
    Location,
    /// An agency's.
    Company,
}

/// A token that an agency's app got for one of its locations. There is no refresh token: the next one is asked for.
#[derive(Clone, Debug)]
pub struct LocationToken {
    /// What calls are made with.
    pub access_token: SecretString,
    /// How long it lasts, in milliseconds.
    pub lasts_ms: i64,
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
    #[serde(rename = "companyId")]
    company_id: Option<String>,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct LocationTokenIn {
    access_token: String,
    expires_in: i64,
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
    user_type: UserType,
    grant: Grant<'_>,
) -> Result<Pair, Error> {
    let mut endpoint = base_url.clone();
    endpoint.set_path("/oauth/token");
    let user_type = match user_type {
        UserType::Location => "Location",
        UserType::Company => "Company",
    };
    let mut form = vec![("user_type", user_type)];
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
    pair_of(oauth::ask(http, endpoint, app, &form).await?)
}

fn pair_of(answer: Answer) -> Result<Pair, Error> {
    let read = serde_json::from_value::<PairIn>(brought(answer)?).ok();
    let whole = read.filter(|pair| {
        !pair.access_token.is_empty() && !pair.refresh_token.is_empty() && pair.expires_in > 0
    });
    let pair = whole.ok_or_else(|| Error::Unclear("the answer holds no pair of tokens".into()))?;
    Ok(Pair {
        access_token: SecretString::from(pair.access_token),
        refresh_token: SecretString::from(pair.refresh_token),
        lasts_ms: pair.expires_in.saturating_mul(1000),
        location_id: pair.location_id,
        company_id: pair.company_id,
        scopes: pair.scope,
    })
}

/// Asks for a location's token with its agency's: `POST /oauth/locationToken`, once. It uses nothing up. `None` where GHL
/// does not take the agency's token.
///
/// # Errors
/// See [`Error`].
pub async fn location_token(
    http: &outbound::Client,
    base_url: &Url,
    agency: &SecretString,
    (company_id, location_id): (&str, &str),
) -> Result<Option<LocationToken>, Error> {
    let call = ("POST", "/oauth/locationToken");
    let request = api::request((base_url, agency), call, None);
    let mut request = request.map_err(|fault| Error::Refused(fault.to_string()))?;
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers.insert(CONTENT_TYPE, form);
    request
        .headers
        .insert("Version", HeaderValue::from_static(VERSION));
    let body = Serializer::new(String::new())
        .append_pair("companyId", company_id)
        .append_pair("locationId", location_id)
        .finish();
    request.body = body.into();
    let answer = oauth::send(http, request).await?;
    let is_unauthorized = answer.status == 401;
    let brought = match brought(answer) {
        Err(Error::Refused(_)) if is_unauthorized => return Ok(None),
        brought => brought?,
    };
    let read = serde_json::from_value::<LocationTokenIn>(brought).ok();
    let whole = read.filter(|token| !token.access_token.is_empty() && token.expires_in > 0);
    let token = whole.ok_or_else(|| Error::Unclear("the answer holds no token".into()))?;
    Ok(Some(LocationToken {
        access_token: SecretString::from(token.access_token),
        lasts_ms: token.expires_in.saturating_mul(1000),
    }))
}

/// What an answer brought, by GHL's own words for what is no refusal.
fn brought(answer: Answer) -> Result<Value, Error> {
    let words = answer.words();
    match answer.status {
        // The gateway's time-out comes as a 401, and an inactive location may become active again.
        401 if words.contains("timed out") => Err(Error::Unclear(words.to_owned())),
        400 if words.contains("not active") => Err(Error::NotYet(words.to_owned())),
        _ => answer.brought(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Pair, Error> {
        pair_of(Answer::from(&outbound::Response {
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
