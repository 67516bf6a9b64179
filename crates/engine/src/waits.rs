//! A step that waits: the run leaves its lane, and comes back at the tail when the moment or the event has come.
//!
//! When it begins to wait, until when and since which event is written with the step, so that it is the same for every
//! node and every look. What the run came back for is looked up anew: a moment that is over, or an event that fits.

use cartlane_flow::{self as flow, Compiled, StepRecord};
use cartlane_model::{Event, EventId, UnixMs};
use cartlane_store::Error;
use cartlane_store::journal::{Step, StepState};
use cartlane_store::waits::{self, Wait};
use serde_json::json;

use crate::Shared;
use crate::ready::in_a_second;
use crate::run::{Run, done, failed};
use crate::stored::event_of;
use crate::worker::Ending;

/// How many events are looked at at a time.
const LOOK_AT: i64 = 50;
/// How many runs are woken at a time.
const WAKE: i64 = 500;

/// What a step wants to wait for.
pub(crate) struct Asked {
    pub step: String,
    pub lasts_ms: Option<i64>,
    pub until: Option<i64>,
    pub kinds: Vec<String>,
}

/// What came of a wait.
pub(crate) enum Waited {
    /// It is over.
    Over(Step),
    /// It goes on; as it is to be written down.
    Goes(Step, Wait),
}

impl Run<'_> {
    pub async fn wait(
        &self,
        compiled: &Compiled,
        scope: &flow::Scope<'_>,
        asked: Asked,
    ) -> Result<Waited, Ending> {
        let event = scope.event;
        let now = self.shared.now();
        let begun = scope.steps.iter().find_map(|(step, record)| match record {
            StepRecord::Waiting { output } if *step == asked.step => Some(output.clone()),
            _ => None,
        });
        let until = begun.as_ref().and_then(|begun| begun["until"].as_i64());
        let until = until
            .or(asked.until)
            .or_else(|| asked.lasts_ms.map(|ms| now.plus_ms(ms).0));
        let until = UnixMs(until.unwrap_or(now.0));
        let after: Option<EventId> = begun.and_then(|begun| begun["after"].as_str()?.parse().ok());
        let is_new = after.is_none();
        let mut after = after.unwrap_or(event.id);
        let is_condition = asked.kinds.iter().any(|kind| kind == flow::wait::ANY);
        if is_new && is_condition && self.fits(compiled, scope, &asked.step, event).await? {
            let output = json!({"timed_out": false, "event": event.facts, "event_id": event.id});
            return Ok(Waited::Over(done(&asked.step, output)));
        }
        if !asked.kinds.is_empty() {
            loop {
                let events = self.events_after(event, after, &asked.kinds).await?;
                let Some(last) = events.last() else { break };
                after = last.id;
                for awaited in &events {
                    if self.fits(compiled, scope, &asked.step, awaited).await? {
                        let output =
                            json!({"timed_out": false, "event": awaited.facts, "event_id": awaited.id});
                        return Ok(Waited::Over(done(&asked.step, output)));
                    }
                }
            }
        }
        if until <= now {
            let output = json!({"timed_out": !asked.kinds.is_empty(), "event": null});
            return Ok(Waited::Over(done(&asked.step, output)));
        }
        let step = Step {
            step_id: asked.step,
            state: StepState::Waiting,
            output: json!({"until": until, "after": after, "for": asked.kinds}),
            reason: None,
        };
        let wait = Wait {
            until,
            kinds: asked.kinds,
            after,
        };
        Ok(Waited::Goes(step, wait))
    }

    /// Whether an event is what the step waits for, by what was known of the contact when it came.
    async fn fits(
        &self,
        compiled: &Compiled,
        scope: &flow::Scope<'_>,
        step: &str,
        awaited: &Event,
    ) -> Result<bool, Ending> {
        let history = self.shared.history_for(compiled, awaited, true).await;
        let history = history.map_err(|_| in_a_second())?;
        let scope = flow::Scope {
            contact: history.as_ref(),
            ..*scope
        };
        let fits = flow::awaits(compiled, &scope, step, awaited);
        fits.map_err(|fault| failed("automation.fault", fault.to_string()))
    }

    /// The contact's next events of these kinds.
    async fn events_after(
        &self,
        event: &Event,
        after: EventId,
        kinds: &[String],
    ) -> Result<Vec<Event>, Ending> {
        let Some(contact) = event.contact_id else {
            return Ok(Vec::new());
        };
        let kinds = kinds.to_vec();
        let read = self
            .shared
            .db
            .read(move |tx| waits::events_after(tx, contact, after, &kinds, LOOK_AT));
        let stored = read.await.map_err(|_| Ending::Wait {
            in_ms: 1_000,
            reason: None,
        })?;
        // One that cannot be read any more fits nothing.
        Ok(stored.iter().filter_map(|event| event_of(event).ok()).collect())
    }
}

impl Shared {
    /// Brings back runs whose moment or event has come.
    pub(crate) async fn wake_waiting(&self) -> Result<(), Error> {
        let now = self.now();
        let woken = self.db.write(move |tx| waits::wake(tx, now, WAKE)).await?;
        if woken > 0 {
            self.work_is_there.notify_one();
        }
        Ok(())
    }
}
