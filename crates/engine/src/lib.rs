//! The heart of the house: what comes in is made durable, what it means is decided by automations, and what has to be
//! done is done: once, in order, inside the other side's limits.
//!
//! ```text
//! Handle::accept ─► inbox (groups, fsync) ─► lanes ─► worker ─► run: advance, step by step
//!                                                                └─► call: budget ─► intent ─► send ─► outcome
//! ```
//!
//! [`Engine`] is the service, [`Handle`] the cheap way to talk to it. Start reading at [`inbox`], then `worker`, `run`
//! and `call`; `budget` spends GHL's rate limit, `monitor` looks after connections.

mod accounts;
mod admin;
mod ahead;
mod audit;
mod automations;
mod backtest;
mod budget;
mod bulk;
mod call;
mod chains;
mod confirm;
mod connections;
mod diff;
mod directory;
mod exchange;
pub mod executor;
mod fold;
mod golive;
mod gone;
mod guesses;
mod history;
pub mod inbox;
mod installs;
mod kinds;
mod knowledge;
mod made;
mod manual;
mod monitor;
mod options;
mod origins;
mod outcomes;
pub mod plan;
mod polls;
mod products;
mod ready;
mod reference;
mod replay;
mod resume;
mod run;
mod schedules;
mod secrets;
mod source;
mod starts;
mod step;
mod stored;
mod systems;
mod tokens;
mod trial;
mod vault;
mod versions;
mod waits;
mod worker;
mod workspace;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_ghl::files::Files;
use cartlane_model::{CallId, Clock, NodeId};
use cartlane_store::{Db, Dialect, Error, lanes};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use accounts::{AccountConfig, GhlConfig, HttpConfig, SlackConfig, SmtpConfig, ThriveCartConfig};
pub use admin::{AdminError, EventDetail, Health, RunDetail};
pub use backtest::{Backtest, Backtested, Group as BacktestGroup};
pub use budget::{BudgetLeft, Class};
pub use cartlane_notify::Tls;
pub use connections::{ConnectionConfig, ConnectionHealth, Overlap, Rotation, Scopes, Tried};
pub use diff::Change;
pub use directory::ConfigError;
pub use executor::{CallError, Choices, Executor, Output, PageStream};
pub use golive::{Check, Finding, Gate, Level, Saved};
pub use inbox::{Accepted, Refused, Room};
pub use installs::UNINSTALLED;
pub use kinds::{FieldOfEvent, KindOfEvent, kind_of_event, kinds_of_event};
#[cfg(feature = "break")]
pub use options::Broken;
pub use options::{Limits, MAIN_WORKSPACE, Options};
pub use polls::{PollHealth, Price};
pub use products::{Product, Products};
pub use replay::{Replay, Replayed};
pub use secrets::{SecretName, Secrets};
pub use source::{Envelope, Sender};
pub use tokens::AuthorizeError;
pub use trial::{Effect, Trial, effects, read_back};
pub use vault::{Rotated, belongs_to, replace_master_key, rotate_master_key};
pub use versions::{Diff, VersionDetail};
pub use workspace::{
    ImportOptions, Imported, ImportedAutomation, ImportedConnection, PortableAutomation, PortableConnection,
    Workspace,
};

/// The records that lists and details are made of.
pub mod records {
    pub use cartlane_store::audit::{Action, Entry, Filter as AuditFilter, Numbered};
    pub use cartlane_store::automations::{Applied, Automation, Version};
    pub use cartlane_store::connections::{Connection, Origin, Trouble};
    pub use cartlane_store::installs::{Install, Owner};
    pub use cartlane_store::journal::{Call, Outcome, Step, StepState};
    pub use cartlane_store::lists::{EventFilter, EventRow, RunFilter, RunRow};
    pub use cartlane_store::quarantine::Aside;
}

/// What all parts of the engine share.
#[doc(hidden)]
pub struct Shared {
    pub(crate) node: NodeId,
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) connections: connections::Connections,
    pub(crate) automations: automations::Automations,
    pub(crate) measured: polls::Measured,
    pub(crate) vault: vault::Vault,
    pub(crate) budgets: budget::Budgets,
    pub(crate) last_watched: polls::LastWatched,
    pub(crate) kept_choices: executor::KeptChoices,
    pub(crate) inbox: mpsc::Sender<inbox::Job>,
    pub(crate) inbox_room: Arc<Semaphore>,
    pub(crate) work_is_there: Notify,
    pub(crate) unclear: Mutex<HashMap<CallId, Instant>>,
    /// Held while what a connection's trouble is in memory is brought in step with the store, in either direction.
    pub(crate) troubles: tokio::sync::Mutex<()>,
    pub(crate) leases_renewed_at: Mutex<Instant>,
    #[cfg(feature = "break")]
    pub(crate) broken: Option<Broken>,
}

/// The engine as a service: [`Engine::run`] until it is told to stop.
pub struct Engine {
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<inbox::Job>,
}

/// The way to talk to the engine. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    /// In whose name changes are made.
    actor: Arc<str>,
}

impl Deref for Handle {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Engine {
    /// Opens the engine on a migrated database: checks the master key, declares the connections, reads the automations, and gives a new
    /// installation the default ones.
    pub async fn open(db: Db, options: Options) -> Result<(Self, Handle), ConfigError> {
        let vault = vault::Vault::new(&options.master_key);
        if !vault.is_of(&db).await? {
            return Err(ConfigError::MasterKey);
        }
        let limits = &options.limits;
        let parts = connections::Parts {
            db: db.clone(),
            vault: vault.clone(),
            node: options.node_id,
            clock: Arc::clone(&options.clock),
            request_timeout_ms: limits.request_timeout_ms,
            settle_ms: limits.settle_ms,
            files: Files::new(options.files_dir.clone(), limits.file_bytes),
            public_url: options.public_url,
            #[cfg(feature = "break")]
            broken: options.broken,
        };
        let connections = connections::Connections::open(parts, options.connections).await?;
        let (inbox, jobs) = mpsc::channel(options.limits.inbox_waiting);
        let clock = Arc::clone(&options.clock);
        let budgets = budget::Budgets::new(
            options.node_id,
            db.clone(),
            clock,
            options.limits.request_timeout_ms,
        );
        let shared = Arc::new(Shared {
            node: options.node_id,
            db,
            clock: options.clock,
            connections,
            automations: automations::Automations::default(),
            measured: polls::Measured::default(),
            vault,
            budgets,
            last_watched: polls::LastWatched::default(),
            kept_choices: executor::KeptChoices::default(),
            inbox,
            inbox_room: Arc::new(Semaphore::new(options.limits.inbox_bytes)),
            limits: options.limits,
            work_is_there: Notify::new(),
            unclear: Mutex::default(),
            troubles: tokio::sync::Mutex::default(),
            leases_renewed_at: Mutex::new(Instant::now()),
            #[cfg(feature = "break")]
            broken: options.broken,
        });
        shared.document_limits();
        let handle = Handle {
            shared: Arc::clone(&shared),
            actor: Arc::from(audit::PROGRAM),
        };
        handle.install_defaults().await?;
        shared.automations.refresh(&shared.db).await?;
        if shared.db.dialect() == Dialect::Sqlite {
            let node = shared.node;
            shared
                .db
                .write(move |tx| {
                    cartlane_store::polls::take_from_the_dead(tx, node)?;
                    lanes::take_from_the_dead(tx, node)
                })
                .await?;
        }
        Ok((Self { shared, jobs }, handle))
    }

    /// Works until `shutdown`; then stops claiming, lets calls in flight end, and gives back what it holds, within 10 s.
    pub async fn run(self, shutdown: CancellationToken) {
        let shared = self.shared;
        let inbox = tokio::spawn(Arc::clone(&shared).run_inbox(self.jobs));
        let leases = tokio::spawn(Arc::clone(&shared).run_leases());
        let monitor = tokio::spawn(Arc::clone(&shared).run_monitor());
        let polls = tokio::spawn(Arc::clone(&shared).run_polls());
        let budgets = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { shared.budgets.run().await })
        };
        Arc::clone(&shared).run_workers(shutdown).await;
        for task in [polls, leases, monitor, budgets, inbox] {
            task.abort();
        }
        if let Err(error) = shared.stop().await {
            tracing::warn!(%error, "what this node holds was not given back; it expires by itself");
        }
    }
}

impl Shared {
    async fn stop(&self) -> Result<(), Error> {
        let node = self.node;
        self.db
            .write(move |tx| cartlane_store::polls::give_back(tx, node))
            .await?;
        self.budgets.give_back().await?;
        directory::flush(&self.directory(), &self.db).await
    }
}

impl Handle {
    /// Stores a delivery to the hook of `sender` with this key.
    pub async fn accept(
        &self,
        sender: Sender,
        hook_key: &str,
        envelope: Envelope,
        body: bytes::Bytes,
    ) -> Result<Accepted, Refused> {
        self.shared.accept(sender, hook_key, envelope, body).await
    }

    /// Notes that a sender checked the address of a hook; fails where there is none.
    pub fn check_hook(&self, sender: Sender, hook_key: &str) -> Result<(), Refused> {
        self.shared.check_hook(sender, hook_key)
    }

    /// Room for `bytes` more of a body that is being read; `None` when too much is in memory already.
    pub fn room(&self, bytes: usize) -> Option<Room> {
        self.shared.room(bytes)
    }

    /// Gives an installation that never had an automation the default ones.
    async fn install_defaults(&self) -> Result<(), ConfigError> {
        let has_had_any = |tx: &mut dyn cartlane_store::Tx| cartlane_store::automations::has_had_any(tx);
        if self.db.read(has_had_any).await? {
            return Ok(());
        }
        let read = |(_, yaml): &(&str, &str)| Document::from_yaml(yaml, Catalog::builtin());
        let documents = cartlane_flow::defaults()
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let documents: Vec<serde_json::Value> = documents.iter().map(Document::to_json).collect();
        match self.save(&documents, None, false).await {
            Ok(_) => Ok(()),
            Err(AdminError::Store(error)) => Err(error.into()),
            Err(error) => {
                let mut problems = cartlane_model::Problems::default();
                problems.push("default automations", error.to_string());
                Err(problems.into())
            }
        }
    }
}
