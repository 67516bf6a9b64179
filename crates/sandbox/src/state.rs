//! The sandbox's state behind its one lock, and the handle that tests and `/_sandbox` use.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cartlane_model::{Clock, UnixMs};
use serde_json::Value;

use crate::edit::{Edit, EditError};
use crate::faults::{Dice, Rule, Script};
use crate::limits::Limiter;
use crate::log::{Actor, Entry, Log, Stats};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::Time;

/// A running sandbox from the inside. Everything that `/_sandbox` offers, without the way over HTTP; reading here
/// counts as no request.
pub struct State {
    inner: Mutex<Inner>,
}

/// What the lock protects.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) time: Time,
    pub(crate) dice: Dice,
    pub(crate) store: Store,
    pub(crate) limiter: Limiter,
    pub(crate) script: Script,
    pub(crate) log: Log,
    pub(crate) stats: Stats,
}

impl State {
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>, log_file: Option<File>) -> Self {
        let inner = Inner {
            time: Time::new(clock),
            dice: Dice::new(settings.seed),
            store: Store::new(settings.seed),
            limiter: Limiter::default(),
            script: Script::default(),
            log: Log::new(log_file),
            stats: Stats::default(),
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

    /// Up to `limit` log entries after `seq`, oldest first.
    pub fn log(&self, after: u64, limit: usize) -> Vec<Entry> {
        self.lock().log.after(after, limit)
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

    /// Forgets contacts, notes, log, script, counts and spent limits. Settings, time and log numbers stay.
    pub fn reset(&self) {
        let mut inner = self.lock();
        let seed = inner.settings.seed;
        inner.store = Store::new(seed);
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
