//! Connections: declared by the configuration or added by a person, with secrets that the configuration names or the
//! vault holds; the id stays the same whoever says what.
//!
//! ```text
//! configuration ─► declare ─┐                         ┌─► Directory (what is worked with)
//! connections add ──────────┴─► rows, sealed secrets ─┴─► rebuilt by every node within a second of a change
//! ```
//!
//! What always holds: a change is durable before any node works with it; what a connection lacks makes it wait, it loses
//! nothing; a secret leaves the vault only into a request. `build` makes lines and sources, `manage` is what a person
//! changes, `authorize` how they agree by OAuth, `health` what they see.

mod authorize;
mod build;
mod declare;
mod health;
mod manage;
mod new;
mod shop;

use std::sync::{Arc, PoisonError, RwLock};

use cartlane_model::{ConnectionId, Problems, UnixMs};
use cartlane_store::connections::{self, Connection, Declared, Origin};
use cartlane_store::{Db, Error};
use serde::Deserialize;

pub use authorize::Tried;
pub(crate) use health::{CUSTOM_FIELDS, add_scopes};
pub use health::{ConnectionHealth, Scopes};
pub use manage::{Overlap, Rotation};
pub(crate) use new::New;

use crate::accounts::AccountConfig;
use crate::directory::{ConfigError, Directory};
use crate::options::MAIN_WORKSPACE;
use crate::secrets::{Held, Secrets};
use crate::{Shared, directory};
use build::Known;
pub(crate) use build::Parts;

/// One outside account, as the configuration declares it.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Its name, unique.
    pub name: String,
    /// What it is.
    pub account: AccountConfig,
    /// Its secrets that the configuration names; the vault holds the others.
    pub secrets: Secrets,
}

impl ConnectionConfig {
    fn declared(&self, origin: Origin, now: UnixMs) -> Declared {
        Declared {
            id: ConnectionId::new(now),
            workspace_id: MAIN_WORKSPACE,
            name: self.name.clone(),
            kind: self.account.kind().to_owned(),
            settings: serde_json::to_value(&self.account).unwrap_or_default(),
            origin,
            now,
        }
    }
}

/// All connections, as this node works with them.
pub(crate) struct Connections {
    parts: Parts,
    /// What this node's configuration declares.
    pub given: Vec<ConnectionConfig>,
    present: RwLock<Arc<Directory>>,
}

impl Connections {
    /// Declares the configuration's connections to the store and joins them with what is there.
    pub async fn open(parts: Parts, given: Vec<ConnectionConfig>) -> Result<Self, ConfigError> {
        let now = parts.clock.now();
        let added = added(&parts.db.read(|tx| connections::list(tx)).await?, &given);
        let all: Vec<&ConnectionConfig> = given.iter().chain(&added).collect();
        declare::check(given.iter(), &all, parts.public_url.is_some())?;
        let (declared, vault) = (given.clone(), parts.vault.clone());
        let rows = parts.db.write(move |tx| {
            connections::ensure_workspace(tx, MAIN_WORKSPACE, now)?;
            for config in &declared {
                let row = connections::declare(tx, &config.declared(Origin::File, now))?;
                // What was sealed with a key that is lost is lost, too.
                let mut held = Held::read(tx, &vault, row.id)?.unwrap_or_default();
                let is_seen = held.note(&config.secrets, now);
                let needs_key = config.account.is_source() && held.make_hook_key(now);
                if is_seen || needs_key {
                    held.write(tx, &vault, row.id)?;
                }
            }
            connections::list(tx)
        });
        let rows = rows.await?;
        let (directory, problems) = read(&parts, &given, rows, None).await??;
        let mine = |path: &str| {
            let of = |config: &ConnectionConfig| path.starts_with(&format!("connections.{}.", config.name));
            given.iter().any(of)
        };
        let (wrong, others): (Vec<_>, Vec<_>) =
            problems.0.into_iter().partition(|problem| mine(&problem.path));
        Problems(wrong).into_result(())?;
        warn_of(&Problems(others));
        let present = RwLock::new(Arc::new(directory));
        Ok(Self {
            parts,
            given,
            present,
        })
    }

    pub fn present(&self) -> Arc<Directory> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the configuration names of a connection's secrets.
    fn given(&self, name: &str) -> Secrets {
        let given = self.given.iter().find(|given| given.name == name);
        given.map(|given| given.secrets.clone()).unwrap_or_default()
    }

    /// Brings the directory in step with the store. Whether anything was changed.
    pub async fn refresh(&self, rows: Vec<Connection>) -> Result<bool, Error> {
        let present = self.present();
        if present.is_of(&usable(&rows, &self.given)) {
            return Ok(false);
        }
        let built = read(&self.parts, &self.given, rows, Some(&present)).await?;
        match built {
            Ok((directory, problems)) => {
                warn_of(&problems);
                *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
                Ok(true)
            }
            Err(problems) => {
                warn_of(&problems);
                Ok(false)
            }
        }
    }
}

impl Shared {
    /// The connections as they are now.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.connections.present()
    }

    /// Brings this node's connections in step with the store, after a change of its own or of another node.
    pub(crate) async fn refresh_connections(&self) -> Result<(), Error> {
        let in_step = self.troubles.lock().await;
        let rows = self.db.read(|tx| connections::list(tx)).await?;
        let former = self.directory();
        let is_changed = self.connections.refresh(rows).await?;
        drop(in_step);
        if is_changed {
            directory::flush(&former, &self.db).await?;
            self.document_limits();
            self.work_is_there.notify_one();
        }
        Ok(())
    }

    /// Tells the budgets the limits of connections whose answers tell none.
    pub(crate) fn document_limits(&self) {
        for target in self.directory().targets() {
            if let Some(limits) = target.line.limits() {
                self.budgets.document(target.id, limits);
            }
        }
    }
}

/// The rows that this node works with, with what they were declared to be: those that its configuration declares, and
/// those that were added.
fn usable<'r>(rows: &'r [Connection], given: &[ConnectionConfig]) -> Vec<(&'r Connection, AccountConfig)> {
    let account = |row: &Connection| match row.origin {
        Origin::File => {
            let declared = given.iter().find(|given| given.name == row.name);
            declared.map(|declared| declared.account.clone())
        }
        Origin::Added => AccountConfig::deserialize(&row.settings).ok(),
    };
    let usable = rows.iter().filter_map(|row| Some((row, account(row)?)));
    usable.collect()
}

/// What was added, as if it were declared.
pub(crate) fn added(rows: &[Connection], given: &[ConnectionConfig]) -> Vec<ConnectionConfig> {
    let added = usable(rows, given).into_iter();
    let added = added.filter(|(row, _)| !given.iter().any(|given| given.name == row.name));
    let config = |(row, account): (&Connection, AccountConfig)| ConnectionConfig {
        name: row.name.clone(),
        account,
        secrets: Secrets::default(),
    };
    added.map(config).collect()
}

/// Opens the secrets of these rows and builds what is worked with.
async fn read(
    parts: &Parts,
    given: &[ConnectionConfig],
    rows: Vec<Connection>,
    former: Option<&Directory>,
) -> Result<Result<(Directory, Problems), Problems>, Error> {
    let ids: Vec<ConnectionId> = rows.iter().map(|row| row.id).collect();
    let vault = parts.vault.clone();
    let read = parts.db.read(move |tx| {
        let held = ids.iter().map(|id| Held::read(tx, &vault, *id));
        held.collect::<Result<Vec<_>, Error>>()
    });
    let mut unopened = Problems::default();
    let mut held: Vec<Held> = Vec::new();
    for (held_or_not, row) in read.await?.into_iter().zip(&rows) {
        held.push(held_or_not.unwrap_or_else(|error| {
            unopened.push(format!("vault.{}", row.name), error.to_string());
            Held::default()
        }));
    }
    let known = usable(&rows, given).into_iter().map(|(row, account)| {
        let declared = given.iter().find(|given| given.name == row.name);
        let place = rows.iter().position(|other| other.id == row.id);
        let held = place
            .and_then(|place| held.get(place))
            .cloned()
            .unwrap_or_default();
        let nothing = Secrets::default();
        Known {
            row: row.clone(),
            account,
            secrets: held.under(declared.map_or(&nothing, |declared| &declared.secrets)),
        }
    });
    Ok(
        build::directory(known.collect(), former, parts).map(|(directory, mut problems)| {
            problems.0.extend(unopened.0);
            (directory, problems)
        }),
    )
}

fn warn_of(problems: &Problems) {
    for problem in &problems.0 {
        tracing::error!(place = problem.path, "{}", problem.message);
    }
}

/// The rows of connections, for those who change them.
async fn row_of(db: &Db, name: &str) -> Result<Option<Connection>, Error> {
    let rows = db.read(|tx| connections::list(tx)).await?;
    let is_it = |row: &Connection| row.name == name || row.id.to_string() == name;
    Ok(rows.into_iter().find(is_it))
}
