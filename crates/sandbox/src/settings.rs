//! What can be set, at start or at any time through `PUT /_sandbox/settings`.

mod account;
mod oauth;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::Fault;

pub use account::{Company, CustomField, Location, Snapshot, Token, TokenKind};
pub use oauth::{App, Install, OAuth, Webhook};

/// Everything adjustable. A missing key has its default; an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tokens that are let in.
    pub tokens: Vec<Token>,
    /// The agency that all sub-accounts belong to.
    pub company: Company,
    /// Sub-accounts that exist.
    pub locations: Vec<Location>,
    /// Marketplace apps, and what becomes of their tokens.
    pub oauth: OAuth,
    /// Where events are sent.
    pub webhooks: Vec<Webhook>,
    /// Rate limit of each location; `null` for none (then there are no rate headers either).
    pub limit: Option<Limit>,
    /// How long an answer takes.
    pub latency_ms: Latency,
    /// How long after a write `POST /contacts/search` still shows what was before, by the sandbox's clock.
    pub index_lag_ms: i64,
    /// How often which fault is injected, where no script says otherwise.
    pub faults: Rates,
    /// Start of the random numbers behind rates, latency and ids.
    pub seed: u64,
    /// Whether requests are logged.
    pub log: bool,
    /// How many log entries are kept; the oldest go first.
    pub log_entries: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tokens: vec![Token::new("pit-sandbox", "loc1")],
            company: Company::default(),
            locations: vec![Location::new("loc1")],
            oauth: OAuth::default(),
            webhooks: Vec::new(),
            limit: Some(Limit::default()),
            latency_ms: Latency::default(),
            index_lag_ms: 0,
            faults: Rates::default(),
            seed: 1,
            log: true,
            log_entries: 200_000,
        }
    }
}

impl Settings {
    /// Settings with one token for one location; everything else by default.
    pub fn single(token: &str, location: &str) -> Self {
        Self {
            tokens: vec![Token::new(token, location)],
            locations: vec![Location::new(location)],
            ..Self::default()
        }
    }

    /// These settings with `patch` laid over: objects merge key by key, everything else (`null` too) replaces.
    ///
    /// A token may be given as its text alone: it holds all scopes of the first location.
    pub fn merged(&self, patch: &Value) -> Result<Self, SettingsError> {
        let mut whole = serde_json::to_value(self)?;
        merge(&mut whole, patch);
        let first = whole.pointer("/locations/0/id").cloned().unwrap_or_default();
        for token in whole
            .get_mut("tokens")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if token.is_string() {
                *token = json!({"token": token, "location": first});
            }
        }
        let settings: Self = serde_json::from_value(whole)?;
        settings.faults.check()?;
        Ok(settings)
    }

    /// The app that events name, and that owns this client id where one is given.
    pub(crate) fn app(&self, client_id: Option<&str>) -> Option<&App> {
        let mut apps = self.oauth.apps.iter();
        apps.find(|app| client_id.is_none_or(|id| app.client_id == id))
    }

    /// The location `id`, where it exists.
    pub(crate) fn location(&self, id: &str) -> Option<&Location> {
        self.locations.iter().find(|location| location.id == id)
    }
}

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A key is unknown or a value is of the wrong type.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// The shares of faults are impossible.
    #[error("every rate must lie between 0 and 1, and all together at most 1")]
    Rates,
    /// A late effect must come while a careful client still waits for it.
    #[error("late_effect_max_ms must be at most 5000")]
    Late,
}

fn merge(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

/// A rate limit. The default is that of a marketplace app: 100 requests in 10 s, 200,000 a day
/// (highlevel-api-docs, `docs/oauth/Authorization.md`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// Requests accepted in any interval.
    pub max: usize,
    /// Length of the interval.
    pub interval_ms: i64,
    /// Requests accepted in a day (UTC).
    pub daily: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            max: 100,
            interval_ms: 10_000,
            daily: 200_000,
        }
    }
}

/// How long an answer takes: evenly spread over `mean - spread ..= mean + spread`; half of it passes before the
/// request is looked at, half after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Middle, in milliseconds.
    pub mean: u32,
    /// Largest distance from the middle, in milliseconds.
    pub spread: u32,
}

/// Share of the accepted requests (0 to 1) that meets each fault; one request meets at most one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// 500, 502 or 503 without effect.
    pub rate_5xx: f64,
    /// 500, 502 or 503 although the effect happened.
    pub rate_5xx_after: f64,
    /// 429 although the limit isn't reached.
    pub rate_429: f64,
    /// Connection closed, nothing happened.
    pub rate_cut_before: f64,
    /// Connection closed after the effect.
    pub rate_cut_after: f64,
    /// Connection closed at once, effect later.
    pub rate_late_effect: f64,
    /// Longest time from the cut to a late effect; at most 5,000.
    pub late_effect_max_ms: u32,
    /// Headers at once, then the body byte by byte.
    pub rate_slow_body: f64,
    /// How long a slow body takes.
    pub slow_body_ms: u32,
}

impl Rates {
    /// Each share with its fault.
    pub(crate) fn shares(&self) -> [(f64, Fault); 7] {
        [
            (self.rate_5xx, Fault::ServerError),
            (self.rate_5xx_after, Fault::ServerErrorAfter),
            (self.rate_429, Fault::TooMany),
            (self.rate_cut_before, Fault::CutBefore),
            (self.rate_cut_after, Fault::CutAfter),
            (self.rate_late_effect, Fault::LateEffect),
            (self.rate_slow_body, Fault::SlowBody),
        ]
    }

    fn check(&self) -> Result<(), SettingsError> {
        let rates = self.shares().map(|(share, _)| share);
        if rates.iter().any(|rate| !(0.0..=1.0).contains(rate)) || rates.iter().sum::<f64>() > 1.0 {
            return Err(SettingsError::Rates);
        }
        if self.late_effect_max_ms > 5_000 {
            return Err(SettingsError::Late);
        }
        Ok(())
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            rate_5xx: 0.0,
            rate_5xx_after: 0.0,
            rate_429: 0.0,
            rate_cut_before: 0.0,
            rate_cut_after: 0.0,
            rate_late_effect: 0.0,
            late_effect_max_ms: 5_000,
            rate_slow_body: 0.0,
            slow_body_ms: 2_000,
        }
    }
}
