//! Who may come in: user agent, path, version, token, kind of token, scope, in this order. Each refusal in GHL's own
//! shape.

use std::sync::Arc;

use cartlane_model::UnixMs;

use crate::oauth::{Access, Tokens};
use crate::reply::Reply;
use crate::router::{self, Place};
use crate::settings::{Settings, TokenKind};
use crate::wire::Call;

/// Values of the `Version` header that GHL has published; every one is accepted on every path.
const VERSIONS: [&str; 4] = ["2021-04-15", "2021-07-28", "2023-02-21", "v3"];

/// A request that may be tried.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) place: Place,
    pub(crate) params: Vec<String>,
    /// None where no token is asked for.
    pub(crate) holder: Option<Holder>,
}

/// Whose token a request carries.
#[derive(Clone)]
pub(crate) struct Holder {
    pub(crate) kind: TokenKind,
    /// Empty for the agency's.
    pub(crate) location: String,
    /// The token, where it is an app's.
    pub(crate) app: Option<Arc<Access>>,
}

impl Holder {
    /// What its requests are counted under: the app and the account.
    pub(crate) fn quota_key(&self) -> String {
        let account = match self.kind {
            TokenKind::Location => self.location.as_str(),
            TokenKind::Agency => "agency",
        };
        match &self.app {
            Some(app) => format!("{} {account}", app.client_id),
            None => account.to_owned(),
        }
    }

    fn is_one_of(&self, kinds: &[String]) -> bool {
        let (plain, by_app) = match self.kind {
            TokenKind::Location => ("location", "location_oauth"),
            TokenKind::Agency => ("agency", "agency_oauth"),
        };
        let fits = |kind: &String| kind == plain || (kind == by_app && self.app.is_some());
        kinds.is_empty() || kinds.iter().any(fits)
    }
}

/// Lets a request in, or says why not.
pub(crate) fn admit(
    settings: &Settings,
    tokens: &Tokens,
    call: &Call,
    now: UnixMs,
) -> Result<Admitted, Reply> {
    if call.user_agent.is_none() {
        return Err(Reply::no_user_agent());
    }
    let Some((place, params)) = router::find(&call.method, &call.path) else {
        // Only the letter case is wrong: GHL says 401, not 404.
        return Err(if router::is_miscased(&call.method, &call.path) {
            Reply::unauthorized("Invalid token: access token is invalid")
        } else {
            Reply::no_such_path(&call.method, &call.path)
        });
    };
    let holder = if place.is_open() {
        None
    } else {
        Some(holder(settings, tokens, call, &place, now)?)
    };
    Ok(Admitted {
        place,
        params,
        holder,
    })
}

fn holder(
    settings: &Settings,
    tokens: &Tokens,
    call: &Call,
    place: &Place,
    now: UnixMs,
) -> Result<Holder, Reply> {
    match call.version.as_deref() {
        None => return Err(Reply::unauthorized("version header was not found.")),
        Some(version) if !VERSIONS.contains(&version) => {
            return Err(Reply::unauthorized("version header is invalid"));
        }
        Some(_) => {}
    }
    let bearer = call.bearer.as_deref().unwrap_or_default();
    let (holder, scopes) = if let Some(token) = settings.tokens.iter().find(|token| token.token == bearer) {
        let holder = Holder {
            kind: token.kind,
            location: token.location.clone(),
            app: None,
        };
        (holder, token.scopes.as_deref())
    } else if let Some(access) = tokens.access(bearer, now) {
        let holder = Holder {
            kind: access.kind(),
            location: access.location.clone().unwrap_or_default(),
            app: Some(Arc::clone(access)),
        };
        (holder, access.scopes.as_deref())
    } else {
        return Err(Reply::unauthorized(if bearer.starts_with("pit-") {
            "Invalid Private Integration token"
        } else {
            "Invalid token: access token is invalid"
        }));
    };
    if !place.fact.is_none_or(|fact| holder.is_one_of(&fact.token_kinds)) {
        return Err(Reply::forbidden("Forbidden resource"));
    }
    let held = |wanted: &str| scopes.is_none_or(|scopes| scopes.iter().any(|scope| scope == wanted));
    if !place.scopes().all(held) {
        return Err(Reply::unauthorized("The token is not authorized for this scope."));
    }
    Ok(holder)
}
