//! The mapping of real events: what an automation would call for each of the last ones, and where it would fail.

use cartlane_catalog::{Catalog, Operation, events};
use cartlane_flow::on::{POLL_ITEM, SCHEDULE_DUE};
use cartlane_flow::{self as flow, Compiled, Document, Next, StepRecord};
use cartlane_model::{AutomationId, Event, EventId, Mode};
use cartlane_store::lists::EventFilter;
use cartlane_thrivecart::{ContentType, decode_stored, recorded};
use serde_json::Value as Json;

use super::Finding;
use crate::fold::DEPENDS;
use crate::plan::answer;
use crate::{AdminError, Handle, MAIN_WORKSPACE};

/// How many events are looked at.
const EVENTS: u8 = 20;

/// What was found.
pub(super) struct Mapping {
    /// How many real events were looked at.
    pub events: usize,
    /// The calls that would be made.
    pub calls: Vec<Called>,
    pub findings: Vec<Finding>,
}

/// A call that would be made.
#[derive(Clone)]
pub(super) struct Called {
    pub step: String,
    pub operation: String,
    pub inputs: Json,
    /// The row of the rules table that gives it these inputs.
    pub row: Option<usize>,
}

/// What is wrong with one event.
struct Fault {
    at: Option<String>,
    message: String,
}

/// What people find an event by: its id, where it came in; of what a poll or a schedule would tell now, what that is.
fn name_of(event: &Event) -> String {
    match event.facts.kind.as_str() {
        POLL_ITEM => format!("the item {}", event.facts.payload["item"]["id"]),
        SCHEDULE_DUE => "the next time that it is due".to_owned(),
        _ => event.id.to_string(),
    }
}

impl Handle {
    /// Applies the automation to the last real events of these kinds, and to what its other triggers would tell now; where
    /// there is nothing of that, to recorded ones.
    pub(super) async fn mapping(&self, compiled: &Compiled, kinds: &[String]) -> Result<Mapping, AdminError> {
        let mut real = self.real_events(kinds).await?;
        let is_any_sent = !real.is_empty();
        let (of_triggers, findings) = self.events_of_triggers(compiled.document()).await?;
        real.extend(of_triggers);
        let mut mapping = Mapping {
            events: real.len(),
            calls: Vec::new(),
            findings,
        };
        let tried = if real.is_empty() {
            self.recorded(kinds)
        } else {
            real
        };
        if !kinds.is_empty() && !is_any_sent {
            let advice = if mapping.events == 0 {
                "its mapping was tried on recorded payloads; check it again after the first one"
            } else {
                "check it again after the first one"
            };
            let message = format!("no real event of {} has come in yet", kinds.join(", "));
            mapping.findings.push(Finding::warning(None, message, advice));
        }
        let mut faults: Vec<(Fault, usize, String)> = Vec::new();
        let mut applies = 0;
        for event in &tried {
            let history = match mapping.events {
                0 => self.history_and(event).await?,
                _ => self.history(event).await?,
            };
            let (calls, found) = self.apply_to(compiled, event, &history);
            applies += usize::from(calls.is_some());
            mapping.calls.extend(calls.into_iter().flatten());
            for fault in found {
                let same = |(known, ..): &&mut (Fault, usize, String)| {
                    known.at == fault.at && known.message == fault.message
                };
                match faults.iter_mut().find(same) {
                    Some((_, count, _)) => *count += 1,
                    None => faults.push((fault, 1, name_of(event))),
                }
            }
        }
        if applies == 0 && !tried.is_empty() {
            mapping.findings.push(Finding::warning(
                Some("when".into()),
                format!("none of the last {} events meets the condition", tried.len()),
                "look whether it is what you mean",
            ));
        }
        let is_real = mapping.events > 0;
        mapping
            .findings
            .extend(faults.into_iter().map(|(fault, count, event)| {
                if !is_real {
                    let advice = "on a recorded payload: change the document";
                    return Finding::warning(fault.at, fault.message, advice);
                }
                let advice = format!(
                    "{count} of {} events, such as {event}: change the document",
                    tried.len()
                );
                Finding::error(fault.at, fault.message, advice)
            }));
        Ok(mapping)
    }

    /// The newest events of these kinds that were no tests of the checkout.
    async fn real_events(&self, kinds: &[String]) -> Result<Vec<Event>, AdminError> {
        let mut rows = Vec::new();
        for kind in kinds {
            let filter = EventFilter {
                kind: Some(kind.clone()),
                ..EventFilter::default()
            };
            rows.extend(self.events(filter, 2 * i64::from(EVENTS)).await?);
        }
        rows.retain(|row| row.mode.as_deref() != Some(Mode::Test.as_str()));
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        let mut events = Vec::new();
        for row in rows.iter().take(usize::from(EVENTS)) {
            events.push(self.event(row.id).await?.event);
        }
        Ok(events)
    }

    fn recorded(&self, kinds: &[String]) -> Vec<Event> {
        let now = self.now();
        let payloads = kinds.iter().filter_map(|kind| {
            if let Some(known) = events::get(kind) {
                let mut sample = known.samples.first()?.clone();
                if let Some(name) = &known.vendor_type {
                    sample["type"] = name.as_str().into();
                }
                return Some(cartlane_ghl::hooks::decode_stored(
                    true,
                    sample.to_string().as_bytes(),
                ));
            }
            let (payload, _) = recorded::payload(kind)?;
            Some(decode_stored(ContentType::Json, payload.to_string().as_bytes()))
        });
        let source = self.directory().sources().next().map(|source| source.id);
        let event = |new: cartlane_model::NewEvent| Event {
            id: EventId::new(now),
            workspace_id: MAIN_WORKSPACE,
            connection_id: source.unwrap_or(cartlane_model::ConnectionId::from_u128(0)),
            contact_id: None,
            received_at: now,
            occurred_at: new.occurred_at.unwrap_or(now),
            facts: new.facts,
        };
        payloads.map(event).collect()
    }

    /// The calls for one event, or `None` where its condition is not met; and what is wrong.
    fn apply_to(
        &self,
        compiled: &Compiled,
        event: &Event,
        history: &flow::History,
    ) -> (Option<Vec<Called>>, Vec<Fault>) {
        let directory = self.directory();
        let settings = directory
            .source(event.connection_id)
            .map_or(Json::Null, |source| source.settings.clone());
        let document = compiled.document();
        let automation = AutomationId::from_u128(0);
        let reference = |step: &str| crate::reference::reference(event.id, automation, step);
        let (mut calls, mut faults) = (Vec::new(), Vec::new());
        let mut journal: flow::Journal = Vec::new();
        loop {
            let scope = flow::Scope {
                event,
                steps: &journal,
                reference: &reference,
                settings: &settings,
                contact: Some(history),
            };
            let record = match flow::advance(compiled, &scope) {
                Ok(Next::Call {
                    step,
                    operation,
                    inputs,
                    ..
                }) => {
                    let known = Catalog::builtin().get(&operation);
                    let output = known.map_or(Json::Null, answer);
                    if let Some(known) = known {
                        faults.extend(wrong_inputs(known, &step, &inputs, document));
                    }
                    calls.push(Called {
                        step: step.clone(),
                        operation,
                        inputs,
                        row: None,
                    });
                    (step, StepRecord::Done { output })
                }
                Ok(Next::Skip { step, reason }) => (step, StepRecord::Skipped { reason }),
                Ok(Next::Note { step, output }) => (step, StepRecord::Done { output }),
                Ok(Next::Wait { step, kinds, .. }) => {
                    let output = serde_json::json!({"timed_out": !kinds.is_empty(), "event": null});
                    (step, StepRecord::Done { output })
                }
                Ok(Next::Done | Next::Stopped { .. } | Next::Ended { .. }) => return (Some(calls), faults),
                Ok(Next::NotApplicable { .. }) => return (None, faults),
                Err(fault) => {
                    let Some(step) = fault.step else {
                        faults.push(Fault {
                            at: Some(fault.path),
                            message: fault.message,
                        });
                        return (Some(calls), faults);
                    };
                    if fault.path.starts_with("rules.") {
                        // Rules read no answers, and fail every step that reads them.
                        faults.push(Fault {
                            at: Some(fault.path),
                            message: fault.message,
                        });
                        return (Some(calls), faults);
                    }
                    let place = fault.path.split_once("].").map_or("", |(_, place)| place);
                    if !document.reads_answers(&step, place) {
                        faults.push(Fault {
                            at: Some(format!("steps.{step}.{place}")),
                            message: fault.message,
                        });
                    }
                    let reason = DEPENDS.to_owned();
                    (step, StepRecord::Skipped { reason })
                }
            };
            journal.push(record);
        }
    }
}

/// What is wrong with the inputs of a call, but for what depends on answers.
fn wrong_inputs(operation: &Operation, step: &str, inputs: &Json, document: &Document) -> Vec<Fault> {
    let (inputs, _) = operation.without_unknown_countries(inputs.clone());
    let problems = match operation.validate(&inputs) {
        Ok(()) => return Vec::new(),
        Err(problems) => problems,
    };
    let told = problems.0.into_iter().filter(|problem| {
        let place = format!("with.{}", problem.path);
        !document.reads_answers(step, &place)
    });
    told.map(|problem| Fault {
        at: Some(format!("steps.{step}.with.{}", problem.path)),
        message: problem.message,
    })
    .collect()
}
