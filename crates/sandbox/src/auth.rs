//! Who may come in: user agent, path, version, token, scope, in this order. Each refusal in GHL's own shape.

use crate::reply::Reply;
use crate::routes::{self, Route};
use crate::settings::Settings;
use crate::wire::Call;

/// Values of the `Version` header that GHL has published; every one is accepted on every path.
const VERSIONS: [&str; 4] = ["2021-04-15", "2021-07-28", "2023-02-21", "v3"];

/// A request that may be tried.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) route: &'static Route,
    pub(crate) params: Vec<String>,
    /// The token's location.
    pub(crate) location: String,
}

/// Lets a request in, or says why not.
pub(crate) fn admit(settings: &Settings, call: &Call) -> Result<Admitted, Reply> {
    if call.user_agent.is_none() {
        return Err(Reply::no_user_agent());
    }
    let Some((route, params)) = routes::find(&call.method, &call.path) else {
        // Only the letter case is wrong: GHL says 401, not 404.
        return Err(
            if routes::find(&call.method, &call.path.to_lowercase()).is_some() {
                Reply::unauthorized("Invalid token: access token is invalid")
            } else {
                Reply::no_such_path(&call.method, &call.path)
            },
        );
    };
    match call.version.as_deref() {
        None => return Err(Reply::unauthorized("version header was not found.")),
        Some(version) if !VERSIONS.contains(&version) => {
            return Err(Reply::unauthorized("version header is invalid"));
        }
        Some(_) => {}
    }
    let bearer = call.bearer.as_deref().unwrap_or_default();
    let Some(token) = settings.tokens.iter().find(|token| token.token == bearer) else {
        return Err(Reply::unauthorized(if bearer.starts_with("pit-") {
            "Invalid Private Integration token"
        } else {
            "Invalid token: access token is invalid"
        }));
    };
    let held = |scopes: &Vec<String>| scopes.iter().any(|scope| scope == route.scope);
    if !token.scopes.as_ref().is_none_or(held) {
        return Err(Reply::unauthorized("The token is not authorized for this scope."));
    }
    Ok(Admitted {
        route,
        params,
        location: token.location.clone(),
    })
}
