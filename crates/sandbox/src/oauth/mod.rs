//! OAuth 2.0 of marketplace apps: codes, access tokens, refresh tokens that work once.
//!
//! A person's consent at the authorize page makes a code; a code, and after it each refresh token, is good for one
//! pair. What always holds: a used refresh token answers 400 `invalid_grant` (but for `refresh_grace_ms`, in which it
//! answers the pair that it was used for); a pair that was handed out is in the log as an effect, whether or not the
//! caller ever saw it. Errors are those of node-oauth2-server, whose wording GHL's messages have.

mod endpoint;
mod install;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartlane_model::UnixMs;
use serde_json::{Value, json};

use crate::accounts::AccountRoute;
use crate::faults::Dice;
use crate::settings::TokenKind;

/// How long a code can be exchanged.
const CODE_MS: i64 = 10 * 60_000;
/// A refresh token lives a year (highlevel-api-docs, `docs/oauth/Authorization.md`).
const REFRESH_MS: i64 = 365 * 86_400_000;

/// The operations, none of them about one location's own things.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::open(
        "GET",
        "/v2/oauth/chooselocation",
        "oauth.authorize",
        install::authorize,
    ),
    // Where the official SDK still sends people.
    AccountRoute::open(
        "GET",
        "/oauth/chooselocation",
        "oauth.authorize",
        install::authorize,
    ),
    AccountRoute::open(
        "POST",
        "/oauth/token",
        "ghl.oauth.get_access_token",
        endpoint::token,
    ),
    AccountRoute::open("POST", "/oauth/reconnect", "oauth.reconnect", install::reconnect),
    AccountRoute::new(
        "POST",
        "/oauth/locationToken",
        "ghl.oauth.get_location_access_token",
        "oauth.write",
        install::location_token,
    ),
    AccountRoute::new(
        "GET",
        "/oauth/installedLocations",
        "ghl.oauth.installed_locations",
        "oauth.readonly",
        install::installed_locations,
    ),
];

/// What a person agreed to: which app may do what, where.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    /// None for the agency.
    pub(crate) location: Option<String>,
    /// None for all.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) user_id: String,
}

/// An access token that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) client_id: String,
    pub(crate) location: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    expires_at: UnixMs,
}

impl Access {
    /// Whose token it is.
    pub(crate) fn kind(&self) -> TokenKind {
        if self.location.is_some() {
            TokenKind::Location
        } else {
            TokenKind::Agency
        }
    }
}

struct Code {
    grant: Grant,
    redirect_uri: String,
    expires_at: UnixMs,
}

struct Refresh {
    grant: Grant,
    id: String,
    expires_at: UnixMs,
    used: Option<Used>,
}

struct Used {
    at: UnixMs,
    answer: Value,
}

/// Why a refresh token gets nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refused {
    /// It is unknown, used, too old, revoked or another app's.
    Invalid,
    /// Its sub-account isn't active any more.
    Inactive,
}

/// All tokens of apps.
pub(crate) struct Tokens {
    codes: HashMap<String, Code>,
    access: HashMap<String, Arc<Access>>,
    refresh: HashMap<String, Refresh>,
    /// What each app is installed in: client id, and location or none for the agency.
    installs: Vec<(String, Option<String>)>,
    dice: Dice,
}

/// What a pair is made from.
pub(crate) struct Terms<'a> {
    pub(crate) company: &'a str,
    pub(crate) lifetime_s: i64,
    pub(crate) grace_ms: i64,
    pub(crate) now: UnixMs,
}

impl Tokens {
    /// No tokens; those to come follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            installs: Vec::new(),
            dice: Dice::new(seed ^ 0x0a17_0a17),
        }
    }

    /// The access token, where it is valid.
    pub(crate) fn access(&self, token: &str, now: UnixMs) -> Option<&Arc<Access>> {
        self.access.get(token).filter(|access| access.expires_at > now)
    }

    /// A code for a grant; the app counts as installed from now on. Whether it wasn't before.
    pub(crate) fn agree(&mut self, grant: Grant, redirect_uri: &str, now: UnixMs) -> (String, bool) {
        let install = (grant.client_id.clone(), grant.location.clone());
        let is_new = !self.installs.contains(&install);
        if is_new {
            self.installs.push(install);
        }
        let code = format!("{}{}", self.dice.id(), self.dice.id()).to_lowercase();
        let redirect_uri = redirect_uri.to_owned();
        let expires_at = now.plus_ms(CODE_MS);
        self.codes.insert(
            code.clone(),
            Code {
                grant,
                redirect_uri,
                expires_at,
            },
        );
        (code, is_new)
    }

    /// Exchanges a code, which works once; answers the grant.
    pub(crate) fn exchange(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: Option<&str>,
        now: UnixMs,
    ) -> Option<Grant> {
        let code = self.codes.remove(code)?;
        let fits = code.grant.client_id == client_id
            && code.expires_at > now
            && redirect_uri.is_none_or(|uri| uri == code.redirect_uri);
        fits.then_some(code.grant)
    }

    /// A new pair for `grant`, as the endpoint answers it.
    pub(crate) fn issue(&mut self, grant: &Grant, terms: &Terms<'_>) -> Value {
        let mut answer = self.issue_access(grant, terms);
        let (token, id) = (self.new_token(grant, terms, "refresh"), self.dice.id());
        answer["refresh_token"] = json!(token);
        answer["refreshTokenId"] = json!(id);
        let expires_at = terms.now.plus_ms(REFRESH_MS);
        self.refresh.insert(
            token,
            Refresh {
                grant: grant.clone(),
                id,
                expires_at,
                used: None,
            },
        );
        answer
    }

    /// A new access token alone.
    pub(crate) fn issue_access(&mut self, grant: &Grant, terms: &Terms<'_>) -> Value {
        let token = self.new_token(grant, terms, "access");
        let access = Access {
            client_id: grant.client_id.clone(),
            location: grant.location.clone(),
            scopes: grant.scopes.clone(),
            expires_at: terms.now.plus_ms(terms.lifetime_s.saturating_mul(1_000)),
        };
        self.access.insert(token.clone(), Arc::new(access));
        let mut answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": terms.lifetime_s,
            "scope": grant.scopes.as_deref().unwrap_or_default().join(" "),
            "userType": if grant.location.is_some() { "Location" } else { "Company" },
            "companyId": terms.company,
            "userId": grant.user_id,
        });
        if let Some(location) = &grant.location {
            answer["locationId"] = json!(location);
        }
        answer
    }

    /// A new pair for a refresh token, which is used up by it. Answers the pair, and the ids of the old and the new
    /// token; no ids where the grace period repeats an answer.
    pub(crate) fn renew(
        &mut self,
        token: &str,
        client_id: &str,
        is_active: impl Fn(&Grant) -> bool,
        terms: &Terms<'_>,
    ) -> Result<(Value, Grant, Option<String>), Refused> {
        let known = self.refresh.get(token).ok_or(Refused::Invalid)?;
        if known.grant.client_id != client_id || known.expires_at <= terms.now {
            return Err(Refused::Invalid);
        }
        let grant = known.grant.clone();
        if let Some(used) = &known.used {
            let in_grace = terms.grace_ms > 0 && terms.now.since_ms(used.at) <= terms.grace_ms;
            return if in_grace {
                Ok((used.answer.clone(), grant, None))
            } else {
                Err(Refused::Invalid)
            };
        }
        if !is_active(&grant) {
            return Err(Refused::Inactive);
        }
        let old_id = known.id.clone();
        let answer = self.issue(&grant, terms);
        if let Some(known) = self.refresh.get_mut(token) {
            known.used = Some(Used {
                at: terms.now,
                answer: answer.clone(),
            });
        }
        Ok((answer, grant, Some(old_id)))
    }

    /// Whether the app is installed in the location: there itself, or in the agency.
    pub(crate) fn is_installed(&self, client_id: &str, location: &str) -> bool {
        let mut installs = self.installs.iter();
        installs.any(|(app, at)| app == client_id && at.as_deref().is_none_or(|at| at == location))
    }

    /// All tokens and codes that are good for something.
    pub(crate) fn all(&self) -> Vec<String> {
        let tokens = self.access.keys().chain(self.refresh.keys());
        tokens.chain(self.codes.keys()).cloned().collect()
    }

    /// Drops this access or refresh token; whether there was one.
    pub(crate) fn revoke(&mut self, token: &str) -> usize {
        usize::from(self.access.remove(token).is_some()) + usize::from(self.refresh.remove(token).is_some())
    }

    /// Drops all tokens that fit: those of the location, of the app, or of both. Answers how many.
    pub(crate) fn revoke_all(&mut self, client_id: Option<&str>, location: Option<&str>) -> usize {
        let before = self.access.len() + self.refresh.len();
        let fits = |client: &str, at: Option<&str>| {
            client_id.is_none_or(|wanted| wanted == client)
                && location.is_none_or(|wanted| at == Some(wanted))
        };
        self.access
            .retain(|_, access| !fits(&access.client_id, access.location.as_deref()));
        self.refresh
            .retain(|_, refresh| !fits(&refresh.grant.client_id, refresh.grant.location.as_deref()));
        before - self.access.len() - self.refresh.len()
    }

    /// Forgets where the app is installed, with all its tokens there; answers the places.
    pub(crate) fn uninstall(&mut self, client_id: &str, location: Option<&str>) -> Vec<Option<String>> {
        let fits = |(app, at): &(String, Option<String>)| {
            app == client_id && location.is_none_or(|wanted| at.as_deref() == Some(wanted))
        };
        let (gone, kept) = std::mem::take(&mut self.installs).into_iter().partition(fits);
        self.installs = kept;
        self.revoke_all(Some(client_id), location);
        let gone: Vec<(String, Option<String>)> = gone;
        gone.into_iter().map(|(_, at)| at).collect()
    }

    /// Long and of the form of a JWT, as GHL's are; nobody checks its signature.
    fn new_token(&mut self, grant: &Grant, terms: &Terms<'_>, kind: &str) -> String {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encode(json!({"alg": "RS256", "typ": "JWT"}));
        let body = encode(json!({
            "authClass": if grant.location.is_some() { "Location" } else { "Company" },
            "authClassId": grant.location.as_deref().unwrap_or(terms.company),
            "source": "INTEGRATION",
            "sourceId": grant.client_id,
            "channel": "OAUTH",
            "primaryAuthClassId": grant.location.as_deref().unwrap_or(terms.company),
            "oauthMeta": {"scopes": grant.scopes, "client": grant.client_id},
            "iat": terms.now.0 / 1_000,
            "kind": kind,
        }));
        format!(
            "{head}.{body}.{}{}{}",
            self.dice.id(),
            self.dice.id(),
            self.dice.id()
        )
    }
}
