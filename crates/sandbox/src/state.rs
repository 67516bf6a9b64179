//! The sandbox's state behind its one lock, and the handle that tests and `/_sandbox` use.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cartlane_model::{Clock, UnixMs};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::accounts::Accounts;
use crate::conversations::{Message, MessageIds};
use crate::edit::{Edit, EditError};
use crate::faults::{Dice, Rule, Script};
use crate::hooks::{Delivery, Hooks, Job};
use crate::limits::Limiter;
use crate::log::{Actor, Effect, Entry, Log, Stats};
use crate::oauth::Tokens;
use crate::router;
use crate::settings::Settings;
use crate::store::Store;
use crate::time::Time;

/// A running sandbox from the inside. Everything that `/_sandbox` offers, without the way over HTTP; reading here
/// counts as no request.
pub struct State {
    inner: Mutex<Inner>,
}

/// Which tokens are taken back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Revoked {
    /// This one.
    pub token: Option<String>,
    /// Those of this app.
    pub client_id: Option<String>,
    /// Those of this sub-account.
    pub location: Option<String>,
}

/// What the lock protects.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) time: Time,
    pub(crate) dice: Dice,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) tokens: Tokens,
    pub(crate) hooks: Hooks,
    pub(crate) limiter: Limiter,
    pub(crate) script: Script,
    pub(crate) log: Log,
    pub(crate) stats: Stats,
    /// The body of a request without one.
    pub(crate) nothing: Map<String, Value>,
}

impl State {
    pub(crate) fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        log_file: Option<File>,
        hooks: mpsc::UnboundedSender<Job>,
    ) -> Self {
        let inner = Inner {
            time: Time::new(clock),
            dice: Dice::new(settings.seed),
            store: Store::new(settings.seed),
            accounts: Accounts::default(),
            tokens: Tokens::new(settings.seed),
            hooks: Hooks::new(settings.seed, hooks),
            limiter: Limiter::default(),
            script: Script::default(),
            log: Log::new(log_file),
            stats: Stats::default(),
            nothing: Map::new(),
            settings,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.lock().settings.clone()
    }

    /// Changes settings; the next request meets them. A new seed starts the random numbers anew.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut inner = self.lock();
        let seed = inner.settings.seed;
        change(&mut inner.settings);
        if inner.settings.seed != seed {
            inner.dice = Dice::new(inner.settings.seed);
        }
    }

    /// Adds rules to the script, behind those that wait already.
    pub fn script(&self, rules: impl IntoIterator<Item = Rule>) {
        self.lock().script.add(rules);
    }

    /// The sandbox's present moment.
    pub fn now(&self) -> UnixMs {
        self.lock().time.now()
    }

    /// Moves the sandbox's time forward: rate window, daily limit, index lag. Late effects come in real time.
    pub fn advance(&self, ms: u32) {
        self.lock().time.advance(ms);
    }

    /// Another user's edit; answers the contact's id.
    pub fn edit(&self, edit: &Edit) -> Result<String, EditError> {
        self.lock().edit(edit)
    }

    /// A message or call between a contact and another user; answers its ids.
    pub fn message(&self, message: &Message) -> Result<MessageIds, EditError> {
        self.lock().message(message)
    }

    /// Up to `limit` log entries after `seq`, oldest first.
    pub fn log(&self, after: u64, limit: usize) -> Vec<Entry> {
        self.lock().log.after(after, limit)
    }

    /// The ids under which operations with a handler are logged.
    pub fn operations(&self) -> Vec<&'static str> {
        router::handled().collect()
    }

    /// All entries of the log that are requests.
    pub fn calls(&self) -> Vec<Entry> {
        let mut entries = self.log(0, usize::MAX);
        entries.retain(|entry| entry.actor == Actor::Api);
        entries
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        let inner = self.lock();
        Stats {
            contacts: inner.store.contact_count(),
            notes: inner.store.note_count(),
            ..inner.stats.clone()
        }
    }

    /// All contacts as GHL shows them, oldest first.
    pub fn contacts(&self) -> Vec<Value> {
        let inner = self.lock();
        let mut contacts: Vec<_> = inner.store.all().collect();
        contacts.sort_by_key(|contact| (contact.added_at, &contact.id));
        contacts
            .into_iter()
            .map(|contact| Value::Object(contact.view()))
            .collect()
    }

    /// The contact with this e-mail in any location.
    pub fn contact(&self, email: &str) -> Option<Value> {
        let inner = self.lock();
        let mut locations = inner.settings.locations.iter();
        let found = locations.find_map(|location| inner.store.by_email(&location.id, email));
        found.map(|contact| Value::Object(contact.view()))
    }

    /// A contact's notes as GHL shows them, oldest first.
    pub fn notes(&self, contact_id: &str) -> Vec<Value> {
        let inner = self.lock();
        let notes = inner.store.notes(contact_id).iter();
        notes.map(|note| note.view(contact_id)).collect()
    }

    /// The public key that events are signed with, in PEM.
    pub fn webhook_key(&self) -> String {
        self.lock().hooks.public_key()
    }

    /// Events sent so far or on their way, oldest first; at most the newest 10,000.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.lock().hooks.sent().cloned().collect()
    }

    /// Sends an event of any kind, signed like all others; `payload` goes beside `type` and `locationId`.
    pub fn send_event(&self, kind: &str, location: Option<&str>, payload: Map<String, Value>) {
        let mut inner = self.lock();
        let now = inner.time.now();
        inner.send_any(kind, location, payload, now);
    }

    /// Sends an event once more as it was; whether it is still remembered.
    pub fn repeat_event(&self, webhook_id: &str) -> bool {
        let mut inner = self.lock();
        let now = inner.time.now();
        inner.hooks.repeat(webhook_id, now)
    }

    pub(crate) fn delivered(&self, job: Job, answer: Result<u16, String>) {
        let mut inner = self.lock();
        let now = inner.time.now();
        inner.hooks.came(job, answer, now);
    }

    /// All tokens and codes that apps were given.
    pub fn tokens(&self) -> Vec<String> {
        self.lock().tokens.all()
    }

    /// Takes tokens back: this one (a private integration token too), or those of an app, of a location, of both; all
    /// apps' tokens where nothing is said. Answers how many there were.
    pub fn revoke(&self, revoked: &Revoked) -> usize {
        let mut inner = self.lock();
        if let Some(token) = &revoked.token {
            let before = inner.settings.tokens.len();
            inner.settings.tokens.retain(|other| other.token != *token);
            return before - inner.settings.tokens.len() + inner.tokens.revoke(token);
        }
        let (client_id, location) = (revoked.client_id.as_deref(), revoked.location.as_deref());
        inner.tokens.revoke_all(client_id, location)
    }

    /// Takes an app out of a location, or out of all; its tokens go, and UNINSTALL is sent. Answers from how many
    /// places.
    pub fn uninstall(&self, client_id: &str, location: Option<&str>) -> usize {
        let mut inner = self.lock();
        let places = inner.tokens.uninstall(client_id, location);
        for place in &places {
            inner.record_edit(Effect {
                kind: "app_uninstalled",
                contact_id: String::new(),
                detail: json!({"client_id": client_id, "locationId": place}),
            });
        }
        places.len()
    }

    /// Makes this many contacts in a location at once, without log and events; answers how many there are now.
    pub fn seed(&self, contacts: usize, location: Option<&str>) -> usize {
        let mut inner = self.lock();
        let first = inner
            .settings
            .locations
            .first()
            .map(|location| location.id.clone());
        let location = location.map(str::to_owned).or(first).unwrap_or_default();
        inner.seed(contacts, &location)
    }

    /// Forgets contacts, notes, log, script, counts and spent limits. Settings, time and log numbers stay.
    pub fn reset(&self) {
        let mut inner = self.lock();
        let seed = inner.settings.seed;
        inner.store = Store::new(seed);
        inner.accounts = Accounts::default();
        inner.tokens = Tokens::new(seed);
        inner.hooks.forget();
        inner.dice = Dice::new(seed);
        inner.limiter = Limiter::default();
        inner.script = Script::default();
        inner.stats = Stats::default();
        inner.log.clear();
    }

    /// The two halves of the next answer's latency; none where there is no latency.
    pub(crate) fn latency(&self) -> Option<(Duration, Duration)> {
        let mut inner = self.lock();
        let latency = inner.settings.latency_ms;
        if latency.mean == 0 && latency.spread == 0 {
            return None;
        }
        let lowest_us = 1000 * u64::from(latency.mean.saturating_sub(latency.spread));
        let highest_us = 1000 * (u64::from(latency.mean) + u64::from(latency.spread));
        let width_us = u32::try_from(highest_us - lowest_us).unwrap_or(u32::MAX);
        let total_us = lowest_us + u64::from(inner.dice.up_to(width_us));
        let half = Duration::from_micros(total_us / 2);
        Some((half, half))
    }
}
