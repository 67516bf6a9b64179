//! Which polls automations ask for: a poll is a connection, an operation and its inputs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cartlane_catalog::Catalog;
use cartlane_flow::on;
use cartlane_model::AutomationId;
use cartlane_store::polls::Wanted;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::Shared;
use crate::automations::Loaded;
use crate::directory::{Directory, Target};
use crate::systems::Kind;

/// An automation that asks for a poll.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub automation_id: AutomationId,
    pub automation: String,
    /// Its version now.
    pub version: i64,
    /// Whether it wants what is there already.
    pub existing: bool,
    pub wanted: Wanted,
}

/// A poll that nobody can do.
#[derive(Clone, Debug)]
pub(crate) struct Unheard {
    pub automation: String,
    pub operation: String,
    pub why: &'static str,
}

/// What automations ask for, as of a moment.
pub(crate) struct Watched {
    automations: Arc<Vec<Loaded>>,
    directory: Arc<Directory>,
    /// Who asks for each poll, in the automations' order, each once.
    by_poll: BTreeMap<String, Vec<Watch>>,
    /// Polls that have no connection.
    pub unheard: Vec<Unheard>,
}

impl Watched {
    fn new(automations: Arc<Vec<Loaded>>, directory: Arc<Directory>) -> Self {
        let (mut by_poll, mut unheard) = (BTreeMap::new(), Vec::new());
        for loaded in automations.iter().filter(|loaded| loaded.row.enabled) {
            let document = loaded.compiled.document();
            for poll in document.polls() {
                match wanted(&directory, poll, document.connection.as_deref(), loaded) {
                    Ok(wanted) => add(&mut by_poll, poll, wanted, loaded),
                    Err(why) => unheard.push(Unheard {
                        automation: loaded.row.name.clone(),
                        operation: poll.operation.clone(),
                        why,
                    }),
                }
            }
        }
        Self {
            automations,
            directory,
            by_poll,
            unheard,
        }
    }

    /// The automations that ask for this poll.
    pub fn of(&self, poll: &str) -> &[Watch] {
        self.by_poll.get(poll).map_or(&[], Vec::as_slice)
    }

    /// Each poll once, as often as the most impatient wants it.
    pub fn wanted(&self) -> Vec<Wanted> {
        let most_often = |watches: &Vec<Watch>| {
            let wanted = watches.iter().map(|watch| &watch.wanted);
            wanted.min_by_key(|wanted| wanted.every_ms).cloned()
        };
        self.by_poll.values().filter_map(most_often).collect()
    }
}

fn add(by_poll: &mut BTreeMap<String, Vec<Watch>>, poll: &on::Poll, wanted: Wanted, loaded: &Loaded) {
    let watches = by_poll.entry(wanted.id.clone()).or_default();
    let same = watches
        .iter_mut()
        .find(|watch| watch.automation_id == loaded.row.id);
    if let Some(same) = same {
        same.existing |= poll.existing;
        same.wanted.every_ms = same.wanted.every_ms.min(wanted.every_ms);
        return;
    }
    watches.push(Watch {
        automation_id: loaded.row.id,
        automation: loaded.row.name.clone(),
        version: loaded.row.version,
        existing: poll.existing,
        wanted,
    });
}

/// What was asked for when it was last looked at: it stays so until automations or connections change.
#[derive(Default)]
pub(crate) struct LastWatched(Mutex<Option<Arc<Watched>>>);

impl Shared {
    /// What automations ask for now.
    pub(crate) fn watched(&self) -> Arc<Watched> {
        let (automations, directory) = (self.automations.present(), self.directory());
        let mut last = self.last_watched.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |last: &Arc<Watched>| {
            Arc::ptr_eq(&last.automations, &automations) && Arc::ptr_eq(&last.directory, &directory)
        };
        if let Some(last) = last.as_ref().filter(|last| is_same(last)) {
            return Arc::clone(last);
        }
        let watched = Arc::new(Watched::new(automations, directory));
        *last = Some(Arc::clone(&watched));
        watched
    }
}

fn wanted(
    directory: &Directory,
    poll: &on::Poll,
    of_automation: Option<&str>,
    loaded: &Loaded,
) -> Result<Wanted, &'static str> {
    let (target, inputs) = asked(directory, poll, of_automation)?;
    Ok(Wanted {
        id: id(&target, &poll.operation, &inputs),
        workspace_id: loaded.row.workspace_id,
        connection_id: target.id,
        operation: poll.operation.clone(),
        inputs,
        every_ms: poll.every_ms(),
    })
}

/// The connection that a poll asks, and its inputs in the order of their names.
pub(crate) fn asked(
    directory: &Directory,
    poll: &on::Poll,
    of_automation: Option<&str>,
) -> Result<(Arc<Target>, String), &'static str> {
    let operation = Catalog::builtin()
        .get(&poll.operation)
        .ok_or("there is no such operation")?;
    let kind = Kind::of(operation);
    let target = directory.watched(kind, poll.connection.as_deref(), of_automation);
    let target = target.ok_or(match poll.connection {
        Some(_) => "there is no connection of this name that it can be done with",
        None => "there is no connection for it, or more than one: name one in the poll's `connection`",
    })?;
    Ok((target, in_order(&Json::Object(poll.with.clone())).to_string()))
}

/// The id of a poll that a document asks for; `None` where no connection fits.
pub(crate) fn poll_id(directory: &Directory, poll: &on::Poll, of_automation: Option<&str>) -> Option<String> {
    let (target, inputs) = asked(directory, poll, of_automation).ok()?;
    Some(id(&target, &poll.operation, &inputs))
}

/// The id of a poll.
pub(super) fn id(target: &Target, operation: &str, inputs: &str) -> String {
    let digest = Sha256::digest(format!("{}/{operation}/{inputs}", target.id).as_bytes());
    format!("poll_{}", hex::encode(&digest[..13]))
}

/// The same with the keys of every map in order, so that the order in which they are written makes no difference.
pub(super) fn in_order(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let sorted: BTreeMap<&String, &Json> = fields.iter().collect();
            Json::Object(
                sorted
                    .into_iter()
                    .map(|(name, value)| (name.clone(), in_order(value)))
                    .collect(),
            )
        }
        Json::Array(items) => items.iter().map(in_order).collect(),
        _ => value.clone(),
    }
}
