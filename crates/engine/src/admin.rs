//! What people ask of the engine and tell it, through the command line or a page.

use cartlane_model::{Event, EventId, Problems, QuarantineId, RunId};
use cartlane_store::audit::{self, Action};
use cartlane_store::automations::{self, Automation};
use cartlane_store::lists::{self, EventFilter, EventRow, RunFilter, RunRow};
use cartlane_store::quarantine::{self, Aside};
use cartlane_store::{Error, journal, lanes};
use serde_json::json;

use crate::inbox::{Accepted, Put, Refused};
use crate::stored::event_of;
use crate::{ConnectionHealth, Handle};

/// Why something a person asked for was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is nothing with this id.
    #[error("there is no {noun} `{id}`; `cartlane {list}` lists what there is")]
    Unknown {
        /// What was looked for.
        noun: &'static str,
        /// Its id.
        id: String,
        /// The command that lists them.
        list: &'static str,
    },
    /// It cannot be done with this one.
    #[error("{0}")]
    Unfit(String),
    /// An automation is not ready to be enabled.
    #[error(
        "`{}` is not green: {}; mend that, or say why it is to be enabled nevertheless (`--override`)",
        .0.automation, crate::golive::findings(.0)
    )]
    NotGreen(Box<crate::Check>),
    /// Faults in a document.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// The delivery was refused again.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store did not answer.
    #[error("the database did not answer: {0}")]
    Store(#[from] Error),
}

/// An event with its runs and its payload.
pub struct EventDetail {
    /// The event as expressions read it.
    pub event: Event,
    /// The runs it has had, newest first.
    pub runs: Vec<RunRow>,
}

/// A run with its calls.
pub struct RunDetail {
    /// The run.
    pub run: RunRow,
    /// What its steps came to.
    pub steps: Vec<journal::Step>,
    /// What went over the wire.
    pub calls: Vec<journal::Call>,
}

impl RunDetail {
    /// The calls that were made.
    pub fn calls_used(&self) -> usize {
        let is_made = |call: &&journal::Call| call.outcome != journal::Outcome::Known;
        self.calls.iter().filter(is_made).count()
    }

    /// The calls that would have been made by somebody who remembers nothing and merges nothing.
    pub fn calls_naive(&self) -> usize {
        let is_own = |call: &&journal::Call| call.part != crate::resume::PART_OF_NONE;
        self.calls.iter().filter(is_own).count()
    }
}

/// How the installation is.
pub struct Health {
    /// The connections.
    pub connections: Vec<ConnectionHealth>,
    /// What is left of their limits, of those that were called.
    pub budgets: Vec<crate::BudgetLeft>,
    /// Runs that are not finished.
    pub open_runs: i64,
    /// Since when the oldest of them has been there.
    pub oldest_open_run_at: Option<cartlane_model::UnixMs>,
}

impl Handle {
    /// Events that fit, newest first.
    pub async fn events(&self, filter: EventFilter, limit: i64) -> Result<Vec<EventRow>, AdminError> {
        Ok(self.db.read(move |tx| lists::events(tx, &filter, limit)).await?)
    }

    /// One event.
    pub async fn event(&self, id: EventId) -> Result<EventDetail, AdminError> {
        let filter = RunFilter {
            event: Some(id),
            ..RunFilter::default()
        };
        let (stored, runs) = self
            .db
            .read(move |tx| Ok::<_, Error>((lists::event(tx, id)?, lists::runs(tx, &filter, 100)?)))
            .await?;
        let stored = stored.ok_or_else(|| AdminError::Unknown {
            noun: "event",
            id: id.to_string(),
            list: "events list",
        })?;
        let mut event = event_of(&stored).map_err(AdminError::Unfit)?;
        self.name_items(&mut event).await?;
        Ok(EventDetail { event, runs })
    }

    /// Runs that fit, newest first.
    pub async fn runs(&self, filter: RunFilter, limit: i64) -> Result<Vec<RunRow>, AdminError> {
        Ok(self.db.read(move |tx| lists::runs(tx, &filter, limit)).await?)
    }

    /// One run with its calls.
    pub async fn run(&self, id: RunId) -> Result<RunDetail, AdminError> {
        let filter = RunFilter {
            id: Some(id),
            ..RunFilter::default()
        };
        let found = self
            .db
            .read(move |tx| {
                let Some(run) = lists::runs(tx, &filter, 1)?.into_iter().next() else {
                    return Ok(None);
                };
                let steps = journal::steps(tx, run.event_id, run.automation_id)?;
                Ok::<_, Error>(Some(RunDetail {
                    steps,
                    calls: journal::calls_of_run(tx, id)?,
                    run,
                }))
            })
            .await?;
        found.ok_or_else(|| unknown_run(id))
    }

    /// Deliveries in quarantine, newest first.
    pub async fn quarantine(&self, limit: i64) -> Result<Vec<Aside>, AdminError> {
        Ok(self.db.read(move |tx| quarantine::list(tx, limit)).await?)
    }

    /// Lets a quarantined delivery in, whatever its secret word or signature was.
    pub async fn release(&self, id: QuarantineId) -> Result<Accepted, AdminError> {
        let aside = self
            .db
            .read(move |tx| quarantine::get(tx, id))
            .await?
            .ok_or_else(|| AdminError::Unknown {
                noun: "delivery in quarantine",
                id: id.to_string(),
                list: "quarantine list",
            })?;
        let opened = self
            .vault
            .open(crate::vault::QUARANTINE, &id.to_string(), &aside.sealed);
        let plain = opened.map_err(|error| AdminError::Unfit(error.to_string()))?;
        let put: Put =
            serde_json::from_slice(&plain).map_err(|error| AdminError::Unfit(error.to_string()))?;
        let directory = self.directory();
        let source = directory.source(aside.connection_id).ok_or_else(|| {
            AdminError::Unfit("its connection is there no more; declare or add it again".into())
        })?;
        let Some(read) = source.read(&put.envelope, &put.body, self.now())? else {
            return Ok(Accepted::Checked);
        };
        let accepted = self.store_delivery(source, read).await?;
        let released = self.entry(Action::DeliveryReleased, &id.to_string(), json!({}));
        self.db
            .write(move |tx| {
                quarantine::released(tx, id)?;
                audit::append(tx, &released)
            })
            .await?;
        Ok(accepted)
    }

    /// The automations in their order.
    pub async fn automations(&self) -> Result<Vec<Automation>, AdminError> {
        Ok(self.db.read(|tx| automations::list(tx)).await?)
    }

    /// How the installation is.
    pub async fn health(&self) -> Result<Health, AdminError> {
        crate::directory::flush(&self.directory(), &self.db).await?;
        let (open_runs, oldest_open_run_at) = self.db.read(|tx| lanes::backlog(tx)).await?;
        Ok(Health {
            connections: self.connections().await?,
            budgets: self.budgets.left().await?,
            open_runs,
            oldest_open_run_at,
        })
    }
}

pub(crate) fn unknown_run(id: RunId) -> AdminError {
    AdminError::Unknown {
        noun: "run",
        id: id.to_string(),
        list: "runs list",
    }
}
