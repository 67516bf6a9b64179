//! Which polls automations ask for: a poll is a connection, an operation and its inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use cartlane_catalog::Catalog;
use cartlane_flow::on;
use cartlane_model::AutomationId;
use cartlane_store::polls::Wanted;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

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

/// All polls of automations that are enabled, in the automations' order; and those that have no connection.
pub(crate) fn watches(directory: &Directory, automations: &[Loaded]) -> (Vec<Watch>, Vec<Unheard>) {
    let (mut watches, mut unheard) = (Vec::new(), Vec::new());
    for loaded in automations.iter().filter(|loaded| loaded.row.enabled) {
        let document = loaded.compiled.document();
        for poll in document.polls() {
            match wanted(directory, poll, document.connection.as_deref(), loaded) {
                Ok(wanted) => watches.push(Watch {
                    automation_id: loaded.row.id,
                    automation: loaded.row.name.clone(),
                    version: loaded.row.version,
                    existing: poll.existing,
                    wanted,
                }),
                Err(why) => unheard.push(Unheard {
                    automation: loaded.row.name.clone(),
                    operation: poll.operation.clone(),
                    why,
                }),
            }
        }
    }
    (watches, unheard)
}

/// The automations that ask for this poll, each once.
pub(crate) fn watches_of(directory: &Directory, automations: &[Loaded], poll: &str) -> Vec<Watch> {
    let mut of_poll: Vec<Watch> = Vec::new();
    for watch in watches(directory, automations).0 {
        if watch.wanted.id != poll {
            continue;
        }
        match of_poll
            .iter_mut()
            .find(|other| other.automation_id == watch.automation_id)
        {
            Some(other) => other.existing |= watch.existing,
            None => of_poll.push(watch),
        }
    }
    of_poll
}

/// Each poll once, as often as the most impatient wants it.
pub(super) fn all(watches: &[Watch]) -> Vec<Wanted> {
    let mut all: BTreeMap<&str, Wanted> = BTreeMap::new();
    for watch in watches {
        let one = all
            .entry(&watch.wanted.id)
            .or_insert_with(|| watch.wanted.clone());
        one.every_ms = one.every_ms.min(watch.wanted.every_ms);
    }
    all.into_values().collect()
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
