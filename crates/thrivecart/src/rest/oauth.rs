//! OAuth 2: the address where a person agrees, the exchange of a code for an access token, whose token it is, and its end.
//!
//! ```text
//! authorize_url ─► a person agrees ─► code ─► token ─► me: which account?
//!                                                └───► revoke
//! ```
//!
//! Facts: the official PHP SDK and its demo. An access token opens the API as a key does. It is not refreshed and does not
//! expire, but a person can revoke it; from then on all calls are refused with `invalid_token`. There are no scopes. All
//! addresses are on the API's own host, so that each function takes the API's base URL, or another one of that host.

use cartlane_model::{ExposeSecret, SecretString};
use cartlane_outbound as outbound;
use cartlane_outbound::api::{self, Fault};
use cartlane_outbound::oauth::{self, Answer};
use serde_json::{Value, json};
use url::Url;

pub use cartlane_outbound::oauth::{App, Error};

/// What a person's consent brought.
#[derive(Clone, Debug)]
pub struct Token {
    /// What calls are made with, as with a key.
    pub access_token: SecretString,
    /// How long it lasts, in milliseconds; `None` where ThriveCart does not say, which is for ever.
    pub lasts_ms: Option<i64>,
}

/// Who agreed, and for which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The account's id.
    pub account_id: String,
    /// The account's name, as in its address and in its web hooks.
    pub account_name: String,
    /// The user's id.
    pub user_id: Option<String>,
    /// The user's name; the SDK takes it for their e-mail.
    pub name: Option<String>,
    /// What the user is in the account.
    pub role: Option<String>,
}

/// The address where a person agrees. Who does not comes back with `error=access_denied`.
pub fn authorize_url(base_url: &Url, client_id: &str, redirect_uri: &str, state: &str) -> Url {
    let page = at(base_url, "/authorization/new");
    oauth::authorize_url(&page, client_id, redirect_uri, state)
}

/// Exchanges a code, once: `POST /authorization/token`. `redirect_uri` is the same as in [`authorize_url`].
///
/// # Errors
/// See [`Error`]. An answer without a token is unclear.
pub async fn token(
    http: &outbound::Client,
    base_url: &Url,
    app: &App,
    code: &str,
    redirect_uri: &str,
) -> Result<Token, Error> {
    let endpoint = at(base_url, "/authorization/token");
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
    ];
    let brought = brought(oauth::ask(http, endpoint, app, &grant).await?)?;
    let access_token = text(&brought["access_token"])
        .ok_or_else(|| Error::Unclear("the answer holds no access token".into()))?;
    let expires_in: Option<i64> = text(&brought["expires_in"]).and_then(|seconds| seconds.parse().ok());
    Ok(Token {
        access_token: SecretString::from(access_token),
        lasts_ms: expires_in
            .filter(|seconds| *seconds > 0)
            .map(|seconds| seconds.saturating_mul(1000)),
    })
}

/// Whose token it is: `GET /authorization/me`.
///
/// # Errors
/// [`Error::Refused`] where the token is not accepted (any more), otherwise [`Error::NotYet`].
pub async fn me(http: &outbound::Client, base_url: &Url, token: &SecretString) -> Result<Owner, Error> {
    let answer = send(http, base_url, token, ("GET", "/authorization/me"), None).await?;
    let me = brought(answer).map_err(again)?;
    let needed = |name: &str| {
        text(&me[name]).ok_or_else(|| Error::NotYet(format!("the answer to whose token it is has no {name}")))
    };
    Ok(Owner {
        account_id: needed("account_id")?,
        account_name: needed("account_name")?,
        user_id: text(&me["user_id"]),
        name: text(&me["name"]),
        role: text(&me["role"]),
    })
}

/// Ends a token: `POST /authorization/revoke`. One that is not accepted any more is at its end, too.
///
/// # Errors
/// [`Error::NotYet`] where it is to be made again. [`Error::Refused`] where ThriveCart does not do it: a person can, in the
/// account's settings.
pub async fn revoke(http: &outbound::Client, base_url: &Url, token: &SecretString) -> Result<(), Error> {
    let body = json!({"token": token.expose_secret()});
    let call = ("POST", "/authorization/revoke");
    let answer = send(http, base_url, token, call, Some(&body)).await?;
    if answer.error() == Some("invalid_token") {
        return Ok(());
    }
    brought(answer).map(drop).map_err(again)
}

/// Sends a call with the token.
async fn send(
    http: &outbound::Client,
    base_url: &Url,
    token: &SecretString,
    call: (&str, &str),
    body: Option<&Value>,
) -> Result<Answer, Error> {
    let request = api::request((&at(base_url, "/"), token), call, body);
    let request = request.map_err(|fault| match fault {
        Fault::Wrong(why) => Error::NotYet(why),
        Fault::Token => Error::Refused(fault.to_string()),
    })?;
    oauth::send(http, request).await.map_err(again)
}

/// What may be done twice is simply to be done again where its outcome is not known.
fn again(error: Error) -> Error {
    match error {
        Error::Unclear(why) => Error::NotYet(why),
        error => error,
    }
}

/// What an answer brought. ThriveCart says no with a word in `error`, under statuses that OAuth does not know: 501 for a call
/// that there is not.
fn brought(answer: Answer) -> Result<Value, Error> {
    if answer.error().is_some() && matches!(answer.status, 200..300 | 404 | 501) {
        return Err(Error::Refused(answer.words().to_owned()));
    }
    answer.brought()
}

/// An address on the host of the API.
fn at(base_url: &Url, path: &str) -> Url {
    let mut url = base_url.clone();
    url.set_path(path);
    url.set_query(None);
    url
}

/// A text, or a number as text: ThriveCart's ids are now one, now the other.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
