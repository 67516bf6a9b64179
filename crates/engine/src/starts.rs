//! Which automations an event that is stored starts, as they are now: for replays and plans.

use cartlane_flow::Document;
use cartlane_flow::on::{self, Ended};
use cartlane_model::{AutomationId, Event, RunId};
use cartlane_store::inbox::NewRun;
use cartlane_store::lists::{self, RunFilter};
use serde_json::Value as Json;

use crate::automations::Loaded;
use crate::directory::Directory;
use crate::polls::poll_id;
use crate::schedules::scheduled;
use crate::{AdminError, Handle};

/// Whether an event would start a document: what a poll, a schedule or another automation has made only where the document
/// asks for just that. An event that does not say which poll or schedule it is of, as one that is typed, is of any.
pub(crate) fn starts(directory: &Directory, document: &Document, event: &Event) -> bool {
    let (kind, payload) = (event.facts.kind.as_str(), &event.facts.payload);
    let is = |name: &str, value: &str| {
        payload[name]
            .as_str()
            .is_none_or(|said| said.is_empty() || said == value)
    };
    match (kind, Ended::of_kind(kind)) {
        (on::POLL_ITEM, _) => document.polls().any(|poll| {
            let id = poll_id(directory, poll, document.connection.as_deref());
            is("operation", &poll.operation) && id.is_none_or(|id| is("poll", &id))
        }),
        (on::SCHEDULE_DUE, _) => document
            .schedules()
            .any(|schedule| is("cron", &schedule.cron) && is("zone", schedule.zone())),
        (on::MANUAL_RUN, _) => document.is_manual(),
        (_, Some(ended)) => document
            .outcomes()
            .any(|outcome| outcome.is_of(ended) && is("automation", &outcome.name)),
        _ => document.runs_on(kind),
    }
}

/// More automations than one event starts.
const AT_MOST: i64 = 1_000;

impl Handle {
    /// The runs that a stored event gets, in the automations' order: what a poll, a schedule, a person or another automation
    /// has made starts those alone that wait for just that.
    pub(crate) async fn runs_of(
        &self,
        event: &Event,
        sync_test_mode: bool,
    ) -> Result<Vec<NewRun>, AdminError> {
        let (kind, now) = (event.facts.kind.as_str(), self.now());
        let text = |name: &str| {
            event
                .facts
                .payload
                .get(name)
                .and_then(Json::as_str)
                .unwrap_or_default()
        };
        let (directory, present) = (self.directory(), self.automations.present());
        let ids: Vec<AutomationId> = match (kind, Ended::of_kind(kind)) {
            (on::POLL_ITEM, _) => {
                let asked_for = self.watched();
                let watches = asked_for.of(text("poll")).iter();
                watches.map(|watch| watch.automation_id).collect()
            }
            (on::SCHEDULE_DUE, _) => {
                let of_it = scheduled(&directory, &present)
                    .into_iter()
                    .filter(|one| one.id == text("schedule"));
                of_it.map(|one| one.loaded.row.id).collect()
            }
            (on::MANUAL_RUN, _) => {
                let before = self.started_by(event).await?;
                let is_manual =
                    |loaded: &&Loaded| loaded.row.enabled && loaded.compiled.document().is_manual();
                let of_it = present.iter().filter(is_manual).map(|loaded| loaded.row.id);
                of_it.filter(|id| before.contains(id)).collect()
            }
            (_, Some(ended)) => return Ok(self.automations.after(text("automation"), ended, now)),
            _ => {
                return Ok(self
                    .automations
                    .runs_for(kind, event.facts.mode, sync_test_mode, now));
            }
        };
        let of_it = present.iter().filter(|loaded| ids.contains(&loaded.row.id));
        let run = |loaded: &Loaded| NewRun {
            id: RunId::new(now),
            automation_id: loaded.row.id,
            version: loaded.row.version,
        };
        Ok(of_it.map(run).collect())
    }

    async fn started_by(&self, event: &Event) -> Result<Vec<AutomationId>, AdminError> {
        let filter = RunFilter {
            event: Some(event.id),
            ..RunFilter::default()
        };
        let runs = self.db.read(move |tx| lists::runs(tx, &filter, AT_MOST)).await?;
        Ok(runs.iter().map(|run| run.automation_id).collect())
    }
}
