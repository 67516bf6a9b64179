//! The connections as they are at a moment: what was declared, joined with what the database and the vault know of each.
//!
//! A directory does not change. When a connection is added, changed or removed, by whichever node, the next one is built
//! and takes its place ([`crate::connections`]); what is under way goes on with the one that it began with.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cartlane_catalog::{Operation, Request, Run};
use cartlane_model::event::Mode;
use cartlane_model::{ConnectionId, ExposeSecret, Problems, UnixMs};
use cartlane_notify::Http;
use cartlane_store::connections::{self, Connection, Trouble};
use cartlane_store::{Db, Error};
use serde_json::Value as Json;

use crate::accounts::AccountConfig;
use crate::exchange::{Came, Exchange};
use crate::secrets::{Secrets, Valid};
use crate::source::{Sender, Source};
use crate::systems::{Kind, Line};

/// All connections.
pub(crate) struct Directory {
    entries: HashMap<ConnectionId, Entry>,
    /// The keys of web hooks' addresses: two for a source while its key is changed.
    hooks: HashMap<String, (Valid, Arc<Source>)>,
    /// For requests to servers that no connection stands for.
    http: Http,
}

/// One connection.
pub(crate) struct Entry {
    /// By which one knows whether it was changed since.
    pub version: i64,
    pub name: String,
    pub account: AccountConfig,
    pub secrets: Secrets,
    pub source: Option<Arc<Source>>,
    pub target: Option<Arc<Target>>,
}

/// An account that calls go to.
pub(crate) struct Target {
    pub id: ConnectionId,
    pub name: String,
    pub line: Line,
    /// Calls in a row that came to nothing for reasons of the line or the other side.
    pub failures: AtomicU32,
    trouble: Mutex<Option<Trouble>>,
    /// Scopes for whose want the last call that needs them was refused.
    refused_scopes: Mutex<BTreeSet<String>>,
    /// When the other side last answered, and before that, when this was made.
    heard_at: Mutex<Heard>,
}

/// When the other side was last heard of.
#[derive(Clone, Copy)]
struct Heard {
    /// By a clock that cannot be set.
    instant: Instant,
    /// For people; `None` for never.
    at: Option<UnixMs>,
}

impl Target {
    pub fn new(id: ConnectionId, name: String, line: Line, trouble: Option<Trouble>) -> Self {
        Self {
            id,
            name,
            line,
            failures: AtomicU32::new(0),
            trouble: Mutex::new(trouble),
            refused_scopes: Mutex::default(),
            heard_at: Mutex::new(Heard {
                instant: Instant::now(),
                at: None,
            }),
        }
    }

    /// Notes that the other side has answered.
    pub fn heard(&self, at: UnixMs) {
        let heard = Heard {
            instant: Instant::now(),
            at: Some(at),
        };
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }

    /// When the other side last answered this node.
    pub fn last_heard_at(&self) -> Option<UnixMs> {
        self.heard_at.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// How long nothing was heard of it.
    pub fn silent_for(&self) -> Duration {
        let heard = self.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        heard.instant.elapsed()
    }

    /// What the former target of the same connection knew.
    pub fn succeed(&self, former: &Self) {
        let heard = *former.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }

    /// Makes one call, once.
    pub async fn send(
        &self,
        operation: &Operation,
        request: &Request,
        inputs: &Json,
        mode: Mode,
    ) -> Exchange {
        let mut exchange = self.line.send(request, inputs, mode).await;
        if let (Run::Raw, Came::Rejected(refusal)) = (&operation.run, &mut exchange.outcome) {
            refusal.blame_request();
        }
        if exchange.status.is_some() {
            self.heard(exchange.finished_at);
        }
        let scopes = operation.endpoint().map_or(&[][..], |endpoint| &endpoint.scopes);
        let is_refused = match &exchange.outcome {
            Came::Success(_) => false,
            Came::Rejected(refusal) if refusal.is_missing_scope() => true,
            _ => return exchange,
        };
        let mut refused = self.refused_scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if is_refused {
            refused.extend(scopes.iter().cloned());
        } else {
            refused.retain(|scope| !scopes.contains(scope));
        }
        drop(refused);
        exchange
    }

    pub fn refused_scopes(&self) -> BTreeSet<String> {
        let refused = self.refused_scopes.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub fn is_paused(&self) -> bool {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Faults in what was declared.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The database is used with another master key.
    #[error(
        "this database is used with another master key; start with that one (CARTLANE_MASTER_KEY, or master.key in the \
         data directory): all servers on one database need the same. If it is lost, start once with --new-master-key: \
         deliveries in quarantine and the secrets that the vault holds can then not be opened any more"
    )]
    MasterKey,
    /// The store did not answer.
    #[error("the connections could not be written down")]
    Store(#[from] Error),
}

impl Directory {
    pub fn new(http: Http) -> Self {
        Self {
            entries: HashMap::new(),
            hooks: HashMap::new(),
            http,
        }
    }

    pub fn add(&mut self, id: ConnectionId, entry: Entry) {
        if let Some(source) = &entry.source {
            for key in &source.hook_keys {
                let hook = (key.clone(), Arc::clone(source));
                self.hooks.insert(key.secret.expose_secret().to_owned(), hook);
            }
        }
        self.entries.insert(id, entry);
    }

    /// Whether these rows are what it was built of.
    pub fn is_of(&self, rows: &[(&Connection, AccountConfig)]) -> bool {
        let is_same = |row: &Connection| {
            let entry = self.entries.get(&row.id);
            entry.is_some_and(|entry| entry.version == row.version)
        };
        rows.len() == self.entries.len() && rows.iter().all(|(row, _)| is_same(row))
    }

    pub fn entry(&self, id: ConnectionId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The connection of this name or id.
    pub fn find(&self, name: &str) -> Option<(ConnectionId, &Entry)> {
        let mut entries = self.entries.iter().map(|(id, entry)| (*id, entry));
        entries.find(|(id, entry)| entry.name == name || id.to_string() == name)
    }

    /// Why there is no connection of a kind to be used, where this one is named.
    pub fn missing(&self, kind: Kind, named: Option<&str>) -> String {
        let Some(name) = named.filter(|name| self.find(name).is_none()) else {
            return kind.missing().to_owned();
        };
        let known = self.entries.values().map(|entry| entry.name.as_str());
        match cartlane_flow::names::nearest(name, known) {
            Some(near) => format!("no connection `{name}`; did you mean `{near}`?"),
            None => format!("no connection `{name}`; `cartlane connections list` lists what there is"),
        }
    }

    pub fn entries(&self) -> impl Iterator<Item = (ConnectionId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    pub fn source_by_key(&self, hook_key: &str, now: UnixMs) -> Option<&Arc<Source>> {
        let (key, source) = self.hooks.get(hook_key)?;
        key.at(now).then_some(source)
    }

    pub fn source(&self, id: ConnectionId) -> Option<&Arc<Source>> {
        self.entries.get(&id)?.source.as_ref()
    }

    pub fn target(&self, id: ConnectionId) -> Option<&Arc<Target>> {
        self.entries.get(&id)?.target.as_ref()
    }

    /// Whose an event is that came by `source`: of its kind the one that it is about, where there is one.
    pub fn owner_of<'d>(&'d self, source: &'d Source, payload: &serde_json::Value) -> &'d Source {
        if source.is_about(payload) {
            return source;
        }
        let others = self.sources().map(Arc::as_ref);
        let mut others = others.filter(|other| other.is_of(Sender::Ghl) && other.is_about(payload));
        others.next().unwrap_or(source)
    }

    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> + Clone {
        self.entries.values().filter_map(|entry| entry.source.as_ref())
    }

    /// The sources that bring events of these kinds.
    pub fn sources_of<'a>(&'a self, kinds: &'a [String]) -> impl Iterator<Item = &'a Arc<Source>> + Clone {
        self.sources()
            .filter(|source| kinds.iter().any(|kind| source.is_of(Sender::of_kind(kind))))
    }

    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> + Clone {
        self.entries.values().filter_map(|entry| entry.target.as_ref())
    }

    /// The connection of a kind that an automation uses for events of `source`: the one it names, where that is of the
    /// kind; else the source's own; else the only one. A name that no connection has leads nowhere.
    pub fn target_of(&self, kind: Kind, named: Option<&str>, source: ConnectionId) -> Option<Arc<Target>> {
        let of_kind = self.targets().filter(|target| target.line.kind() == kind);
        if let Some(name) = named {
            if let Some(target) = of_kind.clone().find(|target| target.name == name) {
                return Some(Arc::clone(target));
            }
            self.find(name)?;
        }
        let own = match kind {
            Kind::Ghl => self.source(source).and_then(|source| source.target),
            Kind::ThriveCart => Some(source),
            _ => None,
        };
        let own = own
            .and_then(|id| self.target(id))
            .filter(|target| target.line.kind() == kind);
        // What is done to people is done in a location; an agency has to be named.
        let is_usual =
            |target: &&Arc<Target>| kind != Kind::Ghl || !target.line.place().location_id.is_empty();
        let mut usual = of_kind.filter(is_usual);
        let target = own.or_else(|| usual.next().filter(|_| usual.next().is_none()));
        let stranger = || (kind == Kind::Http).then(|| Arc::new(self.stranger(source)));
        target.map(Arc::clone).or_else(stranger)
    }

    /// The connection of a kind that is watched: the one that the trigger names; else the automation's, where that is of the
    /// kind; else the only one. A name that no connection has leads nowhere.
    pub fn watched(
        &self,
        kind: Kind,
        named: Option<&str>,
        of_automation: Option<&str>,
    ) -> Option<Arc<Target>> {
        let of_kind = self.targets().filter(|target| target.line.kind() == kind);
        let find = |name: &str| of_kind.clone().find(|target| target.name == name);
        if let Some(name) = named {
            return find(name).map(Arc::clone);
        }
        if let Some(name) = of_automation {
            if let Some(target) = find(name) {
                return Some(Arc::clone(target));
            }
            self.find(name)?;
        }
        let is_usual =
            |target: &&Arc<Target>| kind != Kind::Ghl || !target.line.place().location_id.is_empty();
        let mut usual = of_kind.clone().filter(is_usual);
        usual.next().filter(|_| usual.next().is_none()).map(Arc::clone)
    }

    /// Any server: its calls are recorded with the connection that the event came by.
    fn stranger(&self, source: ConnectionId) -> Target {
        Target::new(source, "http".into(), Line::Http(self.http.clone()), None)
    }
}

/// Writes down what is only in memory: when events last came in and addresses were checked.
pub(crate) async fn flush(directory: &Directory, db: &Db) -> Result<(), Error> {
    let news: Vec<(ConnectionId, i64, bool)> = directory
        .sources()
        .map(|source| {
            let received_at = source.noted.received_at.swap(0, Ordering::Relaxed);
            let checked = source.noted.checked.swap(false, Ordering::Relaxed);
            (source.id, received_at, checked)
        })
        .filter(|(_, received_at, checked)| *received_at != 0 || *checked)
        .collect();
    if news.is_empty() {
        return Ok(());
    }
    db.write(move |tx| {
        for (id, received_at, checked) in &news {
            if *received_at != 0 {
                connections::received(tx, *id, UnixMs(*received_at))?;
            }
            if *checked {
                connections::checked(tx, *id)?;
            }
        }
        Ok::<_, Error>(())
    })
    .await
}
