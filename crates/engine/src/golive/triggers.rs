//! The events that polls, schedules and other automations would start an automation with.

use cartlane_catalog::{Catalog, Operation};
use cartlane_flow::{Document, on};
use cartlane_model::{ConnectionId, Event, EventId};
use cartlane_store::lists::EventFilter;
use serde_json::json;

use super::Finding;
use crate::made::Made;
use crate::polls::asked;
use crate::schedules::connection_of;
use crate::{AdminError, Handle, MAIN_WORKSPACE};

/// How many of each trigger are looked at.
const EVENTS: usize = 20;

impl Handle {
    /// What the account shows now where it is polled, each thing as an event; the event of each schedule; the last ends of
    /// other automations. And what could not be looked at.
    pub(super) async fn events_of_triggers(
        &self,
        document: &Document,
    ) -> Result<(Vec<Event>, Vec<Finding>), AdminError> {
        let (mut events, mut findings) = (Vec::new(), Vec::new());
        let directory = self.directory();
        let connection = document.connection.as_deref();
        for poll in document.polls() {
            let Ok((target, _)) = asked(&directory, poll, connection) else {
                continue; // which the ground has told
            };
            let operation = Catalog::builtin().get(&poll.operation);
            if operation.is_some_and(Operation::answers_file) {
                continue; // the bytes are its news, and nobody is to read them for this
            }
            let name = target.id.to_string();
            match self
                .poll_samples(&name, &poll.operation, &poll.with, EVENTS)
                .await
            {
                Ok(samples) if samples.is_empty() => findings.push(Finding::warning(
                    None,
                    format!("`{}` shows nothing in `{}` now", poll.operation, target.name),
                    "its mapping was not tried; check it again when there is something",
                )),
                Ok(samples) => events.extend(samples.into_iter().map(|made| self.as_event(made, target.id))),
                Err(error) => findings.push(Finding::error(
                    None,
                    format!(
                        "`{}` cannot be read in `{}`: {error}",
                        poll.operation, target.name
                    ),
                    "the poll would fail likewise",
                )),
            }
        }
        if let Some(id) = connection_of(&directory, connection) {
            for schedule in document.schedules() {
                let made = Made {
                    kind: on::SCHEDULE_DUE.into(),
                    payload: json!({
                        "cron": schedule.cron, "zone": schedule.zone(), "due_at": self.now(), "missed": 0,
                    }),
                    ..Made::default()
                };
                events.push(self.as_event(made, id));
            }
        }
        for outcome in document.outcomes() {
            let ends = self.last_ends(outcome).await?;
            if ends.is_empty() {
                let message = format!("no run of `{}` has ended so for it yet", outcome.name);
                let advice = "its mapping was not tried; try it with `cartlane automations test`";
                findings.push(Finding::warning(None, message, advice));
            }
            events.extend(ends);
        }
        if document.is_manual() && events.is_empty() && document.kinds().next().is_none() {
            findings.push(Finding::warning(
                None,
                "only who starts it by hand knows what with",
                "its mapping was not tried; try it with `cartlane automations test --event FILE`",
            ));
        }
        Ok((events, findings))
    }

    async fn last_ends(&self, outcome: &on::Outcome) -> Result<Vec<Event>, AdminError> {
        let mut events = Vec::new();
        let kinds = on::Ended::NAMES.into_iter().map(|(_, ended)| ended);
        for ended in kinds.filter(|ended| outcome.is_of(*ended)) {
            let filter = EventFilter {
                kind: Some(ended.kind().into()),
                ..EventFilter::default()
            };
            for row in self.events(filter, 100).await? {
                if events.len() == EVENTS {
                    break;
                }
                let event = self.event(row.id).await?.event;
                if event.facts.payload["automation"] == outcome.name {
                    events.push(event);
                }
            }
        }
        Ok(events)
    }

    fn as_event(&self, made: Made, connection_id: ConnectionId) -> Event {
        let now = self.now();
        Event {
            id: EventId::new(now),
            workspace_id: MAIN_WORKSPACE,
            connection_id,
            contact_id: None,
            received_at: now,
            occurred_at: now,
            facts: made.facts(),
        }
    }
}
