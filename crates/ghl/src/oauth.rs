//! OAuth 2: the address where a person agrees, and the exchange of a code or a refresh token for a pair of tokens.
//!
//! Facts: the documentation's pages on authorization. A refresh token works once, and each answer brings a new one.

use cartlane_model::{ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

/// Where a person agrees, by the documentation.
pub const AUTHORIZE_URL: &str = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation";

/// The same under the vendor's other name, for agencies that show their customers their own.
pub const WHITE_LABEL_AUTHORIZE_URL: &str = "https://marketplace.leadconnectorhq.com/v2/oauth/chooselocation";

/// The version of the API that asks for a location's token.
const VERSION: &str = "2021-07-28";

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
    /// What it may do, separated by spaces; empty where the answer does not say.
    pub scopes: String,
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
    /// GHL does not let the asker in: a client secret or an agency's token that is none.
    #[error("GHL refuses: {0}")]
    Unauthorized(String),
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
    #[serde(default)]
    scope: String,
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
    user_type: UserType,
    grant: Grant<'_>,
) -> Result<Pair, Error> {
    let form = form_of(app, user_type, grant);
    let response = post(http, base_url, "/oauth/token", HeaderMap::new(), form).await?;
    pair_of(&response)
}

fn pair_of(response: &outbound::Response) -> Result<Pair, Error> {
    let pair: PairIn = read(response)?;
    if pair.access_token.is_empty() || pair.refresh_token.is_empty() || pair.expires_in <= 0 {
        return Err(no_tokens());
    }
    Ok(Pair {
        access_token: SecretString::from(pair.access_token),
        refresh_token: SecretString::from(pair.refresh_token),
        lasts_ms: pair.expires_in.saturating_mul(1000),
        location_id: pair.location_id,
        company_id: pair.company_id,
        scopes: pair.scope,
    })
}

/// Asks for a location's token with its agency's: `POST /oauth/locationToken`, once. It uses nothing up.
///
/// # Errors
/// See [`Error`].
pub async fn location_token(
    http: &outbound::Client,
    base_url: &Url,
    agency: &SecretString,
    (company_id, location_id): (&str, &str),
) -> Result<LocationToken, Error> {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", agency.expose_secret());
    let bearer = HeaderValue::try_from(bearer);
    let mut bearer =
        bearer.map_err(|_| Error::Refused("the agency's token is not one that a header can hold".into()))?;
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    headers.insert("Version", HeaderValue::from_static(VERSION));
    let form = Serializer::new(String::new())
        .append_pair("companyId", company_id)
        .append_pair("locationId", location_id)
        .finish();
    let response = post(http, base_url, "/oauth/locationToken", headers, form).await?;
    let token: LocationTokenIn = read(&response)?;
    if token.access_token.is_empty() || token.expires_in <= 0 {
        return Err(no_tokens());
    }
    Ok(LocationToken {
        access_token: SecretString::from(token.access_token),
        lasts_ms: token.expires_in.saturating_mul(1000),
        scopes: token.scope,
    })
}

async fn post(
    http: &outbound::Client,
    base_url: &Url,
    path: &str,
    mut headers: HeaderMap,
    form: String,
) -> Result<outbound::Response, Error> {
    let mut url = base_url.clone();
    url.set_path(path);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, kind);
    let request = outbound::Request {
        method: Method::POST,
        url,
        headers,
        body: form.into(),
    };
    http.send(request).await.map_err(|error| match error {
        outbound::Error::NotSent(why) => Error::NotYet(why),
        error => Error::Unclear(error.to_string()),
    })
}

fn form_of(app: &App, user_type: UserType, grant: Grant<'_>) -> String {
    let user_type = match user_type {
        UserType::Location => "Location",
        UserType::Company => "Company",
    };
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", &app.client_id)
        .append_pair("client_secret", app.client_secret.expose_secret())
        .append_pair("user_type", user_type);
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

fn no_tokens() -> Error {
    Error::Unclear("the answer holds no tokens".into())
}

fn read<T: DeserializeOwned>(response: &outbound::Response) -> Result<T, Error> {
    let status = response.status.as_u16();
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    let words = json.as_ref().map(words).unwrap_or_default();
    match status {
        200..300 => {
            let read = json.and_then(|json| serde_json::from_value(json).ok());
            read.ok_or_else(no_tokens)
        }
        429 => Err(Error::NotYet("too many requests for tokens".into())),
        // The gateway's time-out comes as a 401, and an inactive location may become active again.
        401 if words.contains("timed out") => Err(Error::Unclear(words)),
        400 if words.contains("not active") => Err(Error::NotYet(words)),
        401 if json.is_some() => Err(Error::Unauthorized(words)),
        400 | 403 | 422 if json.is_some() => Err(Error::Refused(words)),
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
        pair_of(&outbound::Response {
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
