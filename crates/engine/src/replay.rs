//! Doing it again: events by the automations as they are now, from the start; failed runs from their failed step.
//!
//! What always holds: an effect that was made is in the journal of its event, automation and step, whatever run made it, and
//! is not made again.

use cartlane_model::{AutomationId, Event, EventId, RunId};
use cartlane_store::audit::{self, Action};
use cartlane_store::lists::{self, EventFilter, RunFilter};
use cartlane_store::runs::{self, Retried};
use serde::Serialize;
use serde_json::json;

use crate::admin::unknown_run;
use crate::{AdminError, Handle};

/// Rows that are read at a time.
const PAGE: i64 = 500;

/// Which events are replayed.
#[derive(Clone, Debug)]
pub enum Replay {
    /// All that fit.
    Fitting(EventFilter),
    /// These.
    These(Vec<EventId>),
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The events that runs were made of.
    pub events: usize,
    /// The runs that were made of them.
    pub runs: usize,
}

impl Handle {
    /// Makes new runs of events, oldest first, by the automations as they are now, or by one of them. Effects that were made
    /// are not repeated.
    ///
    /// # Errors
    /// Where one of the events, or the automation, is not there; where the automation is disabled, or does not run on an event
    /// that was named; nothing is replayed then.
    pub async fn replay(
        &self,
        events: Replay,
        automation: Option<AutomationId>,
    ) -> Result<Replayed, AdminError> {
        if let Some(automation) = automation {
            let row = self.automation(automation).await?;
            if !row.enabled {
                return Err(AdminError::Unfit(format!(
                    "`{name}` is disabled; `cartlane automations enable {name:?}`, then replay",
                    name = row.name
                )));
            }
        }
        let (ids, is_named) = match events {
            Replay::These(ids) => (ids, true),
            Replay::Fitting(filter) => (self.fitting(filter).await?, false),
        };
        let mut wanted = Vec::new();
        for id in &ids {
            let runs = self.runs_again(*id, automation).await?;
            if runs.is_empty() && is_named {
                let who = if automation.is_some() {
                    "it does not run"
                } else {
                    "no enabled automation runs"
                };
                return Err(AdminError::Unfit(format!("event {id}: {who} on it")));
            }
            if !runs.is_empty() {
                wanted.push((*id, runs));
            }
        }
        let replayed = Replayed {
            events: wanted.len(),
            runs: wanted.iter().map(|(_, runs)| runs.len()).sum(),
        };
        let subject = match wanted.as_slice() {
            [(one, _)] => one.to_string(),
            _ => "events".to_owned(),
        };
        let detail = json!({"events": replayed.events, "runs": replayed.runs, "automation": automation});
        let mut entry = Some(self.entry(Action::EventsReplayed, &subject, detail));
        let now = self.now();
        for (id, runs) in wanted {
            // The log tells of all of it from the first one on.
            let entry = entry.take();
            let made = self.db.write(move |tx| {
                runs::replay(tx, id, &runs, now)?;
                entry.iter().try_for_each(|entry| audit::append(tx, entry))
            });
            made.await?;
        }
        self.work_is_there.notify_one();
        Ok(replayed)
    }

    /// Makes a new run of a run's event and automation, from the start.
    ///
    /// # Errors
    /// Where there is no such run, it is not over, or its automation is removed, disabled, or does not run on its event now.
    pub async fn replay_run(&self, id: RunId) -> Result<Replayed, AdminError> {
        let run = self.run(id).await?.run;
        if run.finished_at.is_none() {
            return Err(AdminError::Unfit(format!(
                "run {id} is {}, and goes on by itself; one that is over can be replayed",
                run.state
            )));
        }
        self.replay(Replay::These(vec![run.event_id]), Some(run.automation_id))
            .await
    }

    /// The events that fit, the oldest first.
    async fn fitting(&self, mut filter: EventFilter) -> Result<Vec<EventId>, AdminError> {
        let mut events = Vec::new();
        loop {
            let page = self.events(filter.clone(), PAGE).await?;
            filter.before = page.last().map(|row| row.id);
            events.extend(page.iter().map(|row| row.id));
            if filter.before.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }

    /// The runs that an event would have now.
    async fn runs_again(
        &self,
        id: EventId,
        automation: Option<AutomationId>,
    ) -> Result<Vec<cartlane_store::inbox::NewRun>, AdminError> {
        let event: Event = self.event(id).await?.event;
        let directory = self.directory();
        let source = directory.source(event.connection_id);
        if source.is_some_and(|source| !source.is_about(&event.facts.payload)) {
            return Ok(Vec::new());
        }
        let sync_test_mode = source.is_some_and(|source| source.sync_test_mode);
        let mut runs = self.runs_of(&event, sync_test_mode).await?;
        runs.retain(|run| automation.is_none_or(|wanted| wanted == run.automation_id));
        Ok(runs)
    }

    /// Queues a failed run again; the newer runs of its contact that it comes after.
    pub async fn retry(&self, id: RunId) -> Result<Vec<RunId>, AdminError> {
        let entry = self.entry(Action::RunsRetried, &id.to_string(), json!({"runs": 1}));
        let retried = self.db.write(move |tx| {
            let retried = runs::retry(tx, id)?;
            if matches!(retried, Retried::Queued { .. }) {
                audit::append(tx, &entry)?;
            }
            Ok::<_, cartlane_store::Error>(retried)
        });
        let retried = retried.await?;
        self.work_is_there.notify_one();
        match retried {
            Retried::Queued { after } => Ok(after),
            Retried::NotFailed(state) => Err(AdminError::Unfit(format!(
                "run {id} is {state}; only a failed run can be retried from its failed step (`cartlane runs replay {id}` runs it \
                 from the start)"
            ))),
            Retried::Unknown => Err(unknown_run(id)),
        }
    }

    /// Queues all failed runs that fit again, the oldest first, so that events of one contact keep their order; how many.
    pub async fn retry_failed(&self, filter: RunFilter) -> Result<usize, AdminError> {
        let mut page = RunFilter {
            state: Some("failed".into()),
            ..filter
        };
        let mut failed = Vec::new();
        loop {
            let asked = page.clone();
            let rows = self.db.read(move |tx| lists::runs(tx, &asked, PAGE)).await?;
            let Some(last) = rows.last() else { break };
            page.before = Some(last.id);
            failed.extend(rows.iter().map(|row| row.id));
        }
        let detail = json!({"runs": failed.len(), "automation": page.automation, "event": page.event});
        let mut entry = Some(self.entry(Action::RunsRetried, "runs", detail));
        let mut queued = 0;
        for id in failed.into_iter().rev() {
            let entry = entry.take();
            let retried = self.db.write(move |tx| {
                entry.iter().try_for_each(|entry| audit::append(tx, entry))?;
                runs::retry(tx, id)
            });
            // Somebody else may have retried it meanwhile.
            queued += usize::from(matches!(retried.await?, Retried::Queued { .. }));
        }
        self.work_is_there.notify_one();
        Ok(queued)
    }
}
