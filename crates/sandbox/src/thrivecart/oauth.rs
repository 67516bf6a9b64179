//! Who may call: the account's key, and apps that a person has let in by OAuth 2 (`/authorization/…`).
//!
//! The person agrees at once. What always holds: a code is tried once, within ten minutes and with the address that it was
//! sent to; a token lasts until it is revoked, by its app or by the person. Refusals have OAuth's words, and the sentences of
//! the PHP libraries from which ThriveCart's `invalid_token` comes.

use std::collections::HashMap;

use cartlane_model::UnixMs;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::call::{Call, Reply, refused, reply};
use super::shop::Shop;
use crate::faults::Dice;

/// How long a code can be exchanged.
const CODE_MS: i64 = 10 * 60_000;

/// An app that is registered with `ThriveCart`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its secret, which opens nothing but this sandbox.
    pub client_secret: String,
    /// Where a person may be sent back to, and how its web hooks' addresses may begin; `None` for anywhere.
    #[serde(default)]
    pub redirect_uris: Option<Vec<String>>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            client_id: "sandboxapp-1".into(),
            client_secret: "sandbox-secret".into(),
            redirect_uris: None,
        }
    }
}

struct Code {
    client_id: String,
    redirect_uri: String,
    expires_at: UnixMs,
}

/// What lets callers in.
pub(super) struct Access {
    key: String,
    apps: Vec<App>,
    codes: HashMap<String, Code>,
    /// Each token, and the client id of its app.
    tokens: HashMap<String, String>,
    dice: Dice,
}

fn said(status: u16, error: &str, description: &str) -> Reply {
    reply(status, json!({"error": error, "error_description": description}))
}

impl Access {
    pub fn new(key: String, apps: Vec<App>) -> Self {
        // Accounts with other keys give out other tokens.
        let seed = key.bytes().fold(1, |seed: u64, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self {
            key,
            apps,
            codes: HashMap::new(),
            tokens: HashMap::new(),
            dice: Dice::new(seed),
        }
    }

    /// Why this call is not let in; `None` where it is.
    pub fn refusal(&self, call: &Call) -> Option<Reply> {
        let Some(bearer) = &call.bearer else {
            return Some(refused(401, "auth.missing"));
        };
        let is_known = *bearer == self.key || self.tokens.contains_key(bearer);
        (!is_known).then(|| said(401, "invalid_token", "The access token provided is invalid"))
    }

    /// Whether the caller may have web hooks sent there: an app only below its registered addresses.
    pub fn may_target(&self, call: &Call, url: &str) -> bool {
        let owner = call.bearer.as_ref().and_then(|bearer| self.tokens.get(bearer));
        let app = owner.and_then(|client_id| self.app(client_id));
        let registered = app.and_then(|app| app.redirect_uris.as_ref());
        registered.is_none_or(|uris| uris.iter().any(|uri| url.starts_with(uri.as_str())))
    }

    /// Registers an app, or another one of its client id in its place.
    pub fn register(&mut self, app: App) {
        self.apps.retain(|other| other.client_id != app.client_id);
        self.apps.push(app);
    }

    /// The person takes back what was agreed to: with this app, or with all. Gives how many tokens that ends.
    pub fn end(&mut self, client_id: Option<&str>) -> usize {
        let before = self.tokens.len();
        self.tokens
            .retain(|_, owner| client_id.is_some_and(|client_id| client_id != owner));
        before - self.tokens.len()
    }

    fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// 40 digits, as `ThriveCart`'s tokens are.
    fn word(&mut self) -> String {
        let digits = (0..3).map(|_| format!("{:016x}", self.dice.next()));
        digits.collect::<String>().split_off(8)
    }

    /// The page on which the person agrees: sends them back with a code at once.
    fn authorize(&mut self, call: &Call, now: UnixMs) -> Reply {
        let (client_id, redirect_uri) = (call.text("client_id"), call.text("redirect_uri"));
        let Some(app) = self.app(&client_id) else {
            return said(400, "invalid_client", "The client id supplied is invalid");
        };
        let registered = app.redirect_uris.as_ref();
        let back = Url::parse(&redirect_uri).ok();
        let Some(mut back) = back.filter(|_| registered.is_none_or(|uris| uris.contains(&redirect_uri)))
        else {
            let description = "The redirect URI provided is missing or does not match";
            return said(400, "redirect_uri_mismatch", description);
        };
        if call.text("response_type") == "code" {
            let code = self.word();
            back.query_pairs_mut().append_pair("code", &code);
            let expires_at = now.plus_ms(CODE_MS);
            let code_of = Code {
                client_id,
                redirect_uri,
                expires_at,
            };
            self.codes.insert(code, code_of);
        } else {
            back.query_pairs_mut()
                .append_pair("error", "unsupported_response_type");
        }
        let state = call.text("state");
        if !state.is_empty() {
            back.query_pairs_mut().append_pair("state", &state);
        }
        Reply {
            location: Some(back.into()),
            ..reply(302, json!({}))
        }
    }

    /// A code for a token.
    fn token(&mut self, call: &Call, now: UnixMs) -> Reply {
        let app = self.app(&call.text("client_id"));
        let Some(app) = app.filter(|app| app.client_secret == call.text("client_secret")) else {
            return said(400, "invalid_client", "The client credentials are invalid");
        };
        let client_id = app.client_id.clone();
        let grant_type = call.text("grant_type");
        if grant_type != "authorization_code" {
            let description = format!("Grant type \"{grant_type}\" not supported");
            return said(400, "unsupported_grant_type", &description);
        }
        let code = self.codes.remove(&call.text("code"));
        let Some(code) = code.filter(|code| code.client_id == client_id) else {
            let description = "Authorization code doesn't exist or is invalid for the client";
            return said(400, "invalid_grant", description);
        };
        if code.redirect_uri != call.text("redirect_uri") {
            let description = "The redirect URI is missing or do not match";
            return said(400, "redirect_uri_mismatch", description);
        }
        if code.expires_at <= now {
            return said(400, "invalid_grant", "The authorization code has expired");
        }
        let token = self.word();
        self.tokens.insert(token.clone(), client_id);
        reply(
            200,
            json!({"access_token": token, "token_type": "Bearer", "scope": null}),
        )
    }

    fn revoke(&mut self, call: &Call) -> Reply {
        let is_known = self.tokens.remove(&call.text("token")).is_some();
        reply(200, json!({"revoked": is_known}))
    }
}

impl Shop {
    /// Takes a request to `/authorization/…`.
    pub fn authorization(&mut self, call: &Call, now: UnixMs) -> Reply {
        match (call.method.as_str(), call.path.trim_matches('/')) {
            ("GET", "new") => self.access.authorize(call, now),
            ("POST", "token") => self.access.token(call, now),
            ("GET", "me") => self.access.refusal(call).unwrap_or_else(|| self.me()),
            ("POST", "revoke") => match self.access.refusal(call) {
                Some(refusal) => refusal,
                None => self.access.revoke(call),
            },
            _ => refused(501, "method.invalid"),
        }
    }

    fn me(&self) -> Reply {
        let me: Value = json!({
            "user_id": "1", "account_id": "1", "account_name": self.account, "name": "owner@example.com",
            "role": "owner",
        });
        reply(200, me)
    }
}
