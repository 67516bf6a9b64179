//! What a person sees of a connection: whether it works, what it lacks, what will lapse, which scopes its automations need.

use std::collections::{BTreeMap, BTreeSet};

use cartlane_catalog::Catalog;
use cartlane_flow::Call;
use cartlane_model::{ConnectionId, UnixMs};
use cartlane_store::connections::{self, Connection};
use cartlane_store::{Error, oauth};
use serde_json::{Map, Value as Json};

use crate::accounts::AccountConfig;
use crate::directory::{Directory, Entry};
use crate::origins::Origins;
use crate::secrets::{Held, SecretName};
use crate::systems::Kind;
use crate::{AdminError, Handle, Shared};

/// The list that tells the ids of custom fields by their names.
pub(crate) const CUSTOM_FIELDS: &str = "ghl.locations.list_custom_fields";

const DAY_MS: i64 = 24 * 60 * 60_000;
/// GHL recommends to change a private integration token every 90 days.
const TOKEN_DAYS: i64 = 90;
/// GHL keeps a refresh token for a year, unless it is used.
const REFRESH_TOKEN_DAYS: i64 = 365;

/// A connection and how it is.
#[derive(Clone, Debug)]
pub struct ConnectionHealth {
    /// As it is stored.
    pub row: Connection,
    /// Whether this server works with it: the configuration declares it, or it was added.
    pub is_used: bool,
    /// The addresses of its web hooks, without the host: the present one, then the one before while that is valid, with
    /// the end of its time.
    pub hook_paths: Vec<(String, Option<UnixMs>)>,
    /// When the other side last answered this server; `None` for not since it was started.
    pub last_heard_at: Option<UnixMs>,
    /// When its credential lapses, or should be changed.
    pub lapses_at: Option<UnixMs>,
    /// The days until then; negative when it is over.
    pub days_left: Option<i64>,
    /// Its scopes, where it is one of GHL's.
    pub scopes: Option<Scopes>,
    /// What a person should do, sooner or later.
    pub notes: Vec<String>,
}

/// The scopes that a connection's automations need, and those that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Those that the operations of enabled automations name.
    pub needed: BTreeSet<String>,
    /// Those that were agreed to; `None` where GHL does not tell, which is so for private integration tokens.
    pub held: Option<BTreeSet<String>>,
    /// Those that are needed and not held, or for whose want GHL has refused a call.
    pub lacking: BTreeSet<String>,
}

/// What the store and the vault know of one connection.
struct Facts {
    row: Connection,
    held: Held,
    pair: Option<oauth::Pair>,
}

impl Handle {
    /// All connections, by name.
    pub async fn connections(&self) -> Result<Vec<ConnectionHealth>, AdminError> {
        Ok(self.shared.connections_health().await?)
    }
}

impl Shared {
    pub(crate) async fn connections_health(&self) -> Result<Vec<ConnectionHealth>, Error> {
        let vault = self.vault.clone();
        let facts = self.db.read(move |tx| {
            let facts = connections::list(tx)?.into_iter().map(|row| {
                let held = Held::read(tx, &vault, row.id)?.unwrap_or_default();
                let pair = oauth::get(tx, row.id)?;
                Ok((row.id, Facts { row, held, pair }))
            });
            facts.collect::<Result<BTreeMap<_, _>, Error>>()
        });
        let (facts, directory) = (facts.await?, self.directory());
        let health = |facts_of: &Facts| self.health_of(facts_of, &facts, &directory);
        let mut health: Vec<ConnectionHealth> = facts.values().map(health).collect();
        health.sort_by(|one, other| one.row.name.cmp(&other.row.name));
        Ok(health)
    }

    fn health_of(
        &self,
        facts: &Facts,
        all: &BTreeMap<ConnectionId, Facts>,
        directory: &Directory,
    ) -> ConnectionHealth {
        let now = self.clock.now();
        let row = &facts.row;
        let mut health = ConnectionHealth {
            row: row.clone(),
            is_used: false,
            hook_paths: Vec::new(),
            last_heard_at: None,
            lapses_at: None,
            days_left: None,
            scopes: None,
            notes: Vec::new(),
        };
        let Some(entry) = directory.entry(row.id) else {
            let note = "the configuration does not declare it any more: declare it again, or remove what is left of it \
                        (`cartlane connections remove`)";
            health.notes.push(note.into());
            return health;
        };
        health.is_used = true;
        health.last_heard_at = entry.target.as_ref().and_then(|target| target.last_heard_at());
        health.hook_paths = hook_paths(entry, &row.kind, now);
        for name in missing(entry) {
            health.notes.push(format!(
                "its {name} is missing ({}): `cartlane connections rotate {} {name}` asks for it",
                name.whence(),
                row.name
            ));
        }
        let pair = pair_of(facts, entry, all, directory);
        health.lapses_at = lapses_at(facts, entry, pair);
        health.days_left = health.lapses_at.map(|at| -now.since_ms(at).div_euclid(DAY_MS));
        health
            .notes
            .extend(notes_on_age(health.lapses_at, entry, pair, now));
        if let AccountConfig::Ghl(_) = entry.account {
            let scopes = self.scopes_of(row.id, entry, pair, directory);
            let is_by_app = entry.target.as_ref().and_then(|target| target.line.app_tokens());
            let where_to = match is_by_app {
                Some(_) => " and under `scopes`, and authorize it again",
                None => " to its private integration",
            };
            let (needed, called): (Vec<&String>, Vec<&String>) = scopes
                .lacking
                .iter()
                .partition(|scope| scopes.needed.contains(*scope));
            for (what, lacking) in [
                ("it lacks scopes that automations need", needed),
                (
                    "calls were refused for want of scopes that no automation needs",
                    called,
                ),
            ] {
                if !lacking.is_empty() {
                    let lacking: Vec<&str> = lacking.into_iter().map(String::as_str).collect();
                    let lacking = lacking.join(", ");
                    health
                        .notes
                        .push(format!("{what}: {lacking}; add them in GoHighLevel{where_to}"));
                }
            }
            health.scopes = Some(scopes);
        }
        health
    }

    fn scopes_of(
        &self,
        id: ConnectionId,
        entry: &Entry,
        pair: Option<&oauth::Pair>,
        directory: &Directory,
    ) -> Scopes {
        let needed = self.scopes_needed(id, directory);
        let held = pair.filter(|pair| !pair.scopes.is_empty());
        let held: Option<BTreeSet<String>> =
            held.map(|pair| pair.scopes.split_whitespace().map(str::to_owned).collect());
        let mut lacking = entry
            .target
            .as_ref()
            .map(|target| target.refused_scopes())
            .unwrap_or_default();
        if let Some(held) = &held {
            lacking.extend(needed.difference(held).cloned());
        }
        Scopes {
            needed,
            held,
            lacking,
        }
    }

    /// The scopes that enabled automations need of a connection, by the operations of their polls and steps.
    fn scopes_needed(&self, id: ConnectionId, directory: &Directory) -> BTreeSet<String> {
        let present = self.automations.present();
        let mut needed = BTreeSet::new();
        for loaded in present.iter().filter(|loaded| loaded.row.enabled) {
            let document = loaded.compiled.document();
            let origins = Origins::of(directory, document, &present);
            let polled = origins.polled.iter().filter(|(_, of)| *of == id);
            polled.for_each(|(poll, _)| add_scopes(&poll.operation, &poll.with, &mut needed));
            let comes_here = |call: &Call| {
                let named = document.connection_of(call);
                let leads_here = |source: ConnectionId| {
                    let target = directory.target_of(Kind::Ghl, named, source);
                    target.is_some_and(|target| target.id == id)
                };
                origins.found.iter().any(|origin| leads_here(origin.connection))
            };
            document
                .calls()
                .filter(|(_, call)| comes_here(call))
                .for_each(|(_, call)| add_scopes(&call.operation, &call.with, &mut needed));
        }
        needed
    }
}

/// The scopes of an operation with these inputs, or of those that it is made of; of the reads that look for it after a lost answer; and
/// that of the list that tells custom fields' ids by their names, where it names some.
pub(crate) fn add_scopes(operation: &str, with: &Map<String, Json>, needed: &mut BTreeSet<String>) {
    let catalog = Catalog::builtin();
    let Some(operation) = catalog.get(operation) else {
        return;
    };
    let calls = operation.calls.iter().filter_map(|call| catalog.get(call));
    let looks = calls.chain([operation]).filter_map(|call| {
        let confirm = call.endpoint()?.confirm.as_ref()?;
        catalog.get(&confirm.operation)
    });
    let names = operation.needs_field_names(&with.clone().into());
    let fields = names.then(|| catalog.get(CUSTOM_FIELDS)).flatten();
    for operation in looks.chain([operation]).chain(fields) {
        let scopes = catalog.scopes(operation).into_iter();
        needed.extend(scopes.map(str::to_owned));
    }
}

fn hook_paths(entry: &Entry, kind: &str, now: UnixMs) -> Vec<(String, Option<UnixMs>)> {
    use cartlane_model::ExposeSecret;
    let keys = entry.source.iter().flat_map(|source| &source.hook_keys);
    let valid = keys.filter(|key| key.at(now));
    let path = |key: &str| format!("/hooks/{kind}/{key}");
    valid
        .map(|key| (path(key.secret.expose_secret()), key.until))
        .collect()
}

fn missing(entry: &Entry) -> impl Iterator<Item = SecretName> {
    let needed = entry.account.needed_secrets().iter().copied();
    needed.filter(|name| !entry.secrets.has(*name))
}

/// The tokens of a connection, or of the agency that makes them.
fn pair_of<'f>(
    facts: &'f Facts,
    entry: &Entry,
    all: &'f BTreeMap<ConnectionId, Facts>,
    directory: &Directory,
) -> Option<&'f oauth::Pair> {
    match &entry.account {
        AccountConfig::Ghl(ghl) => match &ghl.agency {
            Some(agency) => directory
                .find(agency)
                .and_then(|(id, _)| all.get(&id)?.pair.as_ref()),
            None => facts.pair.as_ref(),
        },
        _ => None,
    }
}

fn lapses_at(facts: &Facts, entry: &Entry, pair: Option<&oauth::Pair>) -> Option<UnixMs> {
    if let Some(pair) = pair {
        return Some(pair.issued_at.plus_ms(REFRESH_TOKEN_DAYS * DAY_MS));
    }
    let since = facts.held.since(SecretName::Token, &entry.secrets)?;
    Some(since.plus_ms(TOKEN_DAYS * DAY_MS))
}

fn notes_on_age(
    lapses_at: Option<UnixMs>,
    entry: &Entry,
    pair: Option<&oauth::Pair>,
    now: UnixMs,
) -> Option<String> {
    let lapses_at = lapses_at.filter(|at| *at <= now)?;
    let days = now.since_ms(lapses_at) / DAY_MS;
    Some(match pair {
        Some(_) => format!(
            "nobody has used its tokens for a year: `cartlane connections reauthorize {}`",
            entry.name
        ),
        None => format!(
            "its token is {} days old, and GoHighLevel recommends a new one every {TOKEN_DAYS}: rotate it there (\"and expire \
             later\"), then here with `cartlane connections rotate {} token`",
            TOKEN_DAYS + days,
            entry.name
        ),
    })
}
