//! One turn of a run: from where its journal stands, step by step, until it is over or has to wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use cartlane_catalog::{Catalog, Effect, Operation, Run as How};
use cartlane_flow::{self as flow, Compiled, Next, OnUnclear, StepRecord};
use cartlane_ghl::composite::{self, Answer, Done, Known, Part};
use cartlane_model::{AutomationId, ConnectionId, ContactId, Event, EventId, RunId, UnixMs};
use cartlane_store::contacts::{self, Link};
use cartlane_store::journal::{Call, Outcome, Step, StepState};
use cartlane_store::lanes::Lane;
use cartlane_store::runs::{End, Reason, Work};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::Shared;
use crate::automations::VersionError;
use crate::directory::Target;
use crate::reference::reference;
use crate::stored::event_of;
use crate::worker::Ending;

/// The composite whose answer tells a contact's id.
const SAVES_CONTACT: &str = "save_contact";

/// Something to write with the end of a turn, or before the next unsafe call.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Call(Box<Call>),
    Step {
        key: (EventId, AutomationId, RunId),
        place: i64,
        step: Step,
    },
    /// Steps that have to be done anew.
    Forget {
        key: (EventId, AutomationId),
        steps: Vec<String>,
    },
    Link {
        contact: ContactId,
        connection: ConnectionId,
        link: Link,
    },
    Unlink {
        contact: ContactId,
        connection: ConnectionId,
    },
    State {
        contact: ContactId,
        connection: ConnectionId,
        key: String,
        occurred_at: UnixMs,
    },
}

/// What a turn came to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub writes: Vec<Write>,
    pub warnings: Vec<String>,
    pub ending: Ending,
}

impl Turn {
    pub fn stopping() -> Self {
        Self {
            writes: Vec::new(),
            warnings: Vec::new(),
            ending: Ending::Wait {
                in_ms: 0,
                reason: None,
            },
        }
    }

    pub fn wait_for_other_lane() -> Self {
        Self {
            writes: Vec::new(),
            warnings: Vec::new(),
            ending: Ending::Wait {
                in_ms: 500,
                reason: None,
            },
        }
    }
}

/// A run at work.
pub(crate) struct Run<'a> {
    pub shared: &'a Shared,
    pub lane: &'a Arc<Lane>,
    pub work: &'a Work,
    pub shutdown: &'a CancellationToken,
    pub writes: Vec<Write>,
    pub warnings: Vec<String>,
}

/// A step at work.
pub(crate) struct StepAtWork<'s> {
    pub id: &'s str,
    pub target: &'s Target,
    /// Which of the step's calls comes next.
    pub part: i64,
    /// What to do when nobody can tell whether a call took effect.
    pub on_unclear: OnUnclear,
}

fn failed(code: &str, message: impl Into<String>) -> Ending {
    Ending::Over(
        End::Failed,
        Some(Reason {
            code: code.into(),
            message: message.into(),
        }),
    )
}

impl<'a> Run<'a> {
    pub fn of(
        shared: &'a Shared,
        lane: &'a Arc<Lane>,
        work: &'a Work,
        shutdown: &'a CancellationToken,
    ) -> Self {
        Self {
            shared,
            lane,
            work,
            shutdown,
            writes: Vec::new(),
            warnings: work.warnings.clone(),
        }
    }

    /// Works until the run is over or has to wait.
    pub async fn turn(mut self) -> Turn {
        let ending = match self.go().await {
            Ok(ending) | Err(ending) => ending,
        };
        Turn {
            writes: self.writes,
            warnings: self.warnings,
            ending,
        }
    }

    async fn go(&mut self) -> Result<Ending, Ending> {
        let compiled = self.compiled().await?;
        let event = event_of(&self.work.event).map_err(|message| failed("event.unreadable", message))?;
        let target = self
            .shared
            .directory
            .target_for(compiled.document().connection.as_deref(), event.connection_id);
        let target = Arc::clone(target.ok_or_else(|| {
            failed(
                "automation.no_connection",
                "no GHL connection: name one in the automation's `connection`, or in the shop's `target`",
            )
        })?);
        let settings = self
            .shared
            .directory
            .source(event.connection_id)
            .map_or(Json::Null, |source| source.settings.clone());
        let mut journal: flow::Journal = self.work.steps.iter().map(record_of).collect();
        loop {
            if self.shutdown.is_cancelled() {
                return Ok(Ending::Wait {
                    in_ms: 0,
                    reason: None,
                });
            }
            let next = {
                let reference = |step: &str| reference(event.id, self.work.automation_id, step);
                let scope = flow::Scope {
                    event: &event,
                    steps: &journal,
                    reference: &reference,
                    settings: &settings,
                };
                flow::advance(&compiled, &scope)
            };
            match next.map_err(|fault| failed("automation.fault", fault.to_string()))? {
                Next::Done => return Ok(Ending::Over(End::Done, None)),
                Next::NotApplicable { reason } => {
                    let reason = Reason {
                        code: "automation.condition".into(),
                        message: reason,
                    };
                    return Ok(Ending::Over(End::Skipped, Some(reason)));
                }
                Next::Stopped { step } => {
                    return Ok(failed("automation.stopped", format!("step `{step}` has failed")));
                }
                Next::Skip { step, reason } => self.end_step(&mut journal, skipped(&step, &reason)),
                Next::Call {
                    step,
                    operation,
                    inputs,
                } => {
                    let at_work = StepAtWork {
                        id: &step,
                        target: &target,
                        part: 0,
                        on_unclear: compiled.document().on_unclear(&step),
                    };
                    let ended = self.step(at_work, &event, &operation, inputs).await?;
                    let is_another = self.forget_the_former(&step, &ended.output);
                    self.end_step(&mut journal, ended);
                    if is_another {
                        return Ok(Ending::Wait {
                            in_ms: 0,
                            reason: None,
                        });
                    }
                }
            }
        }
    }

    async fn compiled(&self) -> Result<Arc<Compiled>, Ending> {
        let (id, version) = (self.work.automation_id, self.work.automation_version);
        let found = self
            .shared
            .automations
            .version(&self.shared.db, id, version)
            .await;
        found.map_err(|error| match error {
            VersionError::Store(_) => Ending::Wait {
                in_ms: 1_000,
                reason: None,
            },
            error => failed("automation.unreadable", error.to_string()),
        })
    }

    fn end_step(&mut self, journal: &mut flow::Journal, step: Step) {
        let key = (self.work.event.id, self.work.automation_id, self.work.run_id);
        journal.push(record_of(&step));
        let place = i64::try_from(journal.len()).unwrap_or(i64::MAX);
        self.writes.push(Write::Step { key, place, step });
    }

    async fn step(
        &mut self,
        mut at_work: StepAtWork<'_>,
        event: &Event,
        operation: &str,
        inputs: Json,
    ) -> Result<Step, Ending> {
        let (step, target) = (at_work.id, at_work.target);
        let operation = Catalog::builtin().get(operation).ok_or_else(|| {
            failed(
                "automation.operation",
                format!("step `{step}`: there is no operation `{operation}`"),
            )
        })?;
        operation
            .validate(&inputs)
            .map_err(|problems| failed("step.inputs", format!("step `{step}`: {problems}")))?;
        if let Some(newer) = self.superseded(target, event, operation).await? {
            return Ok(skipped(step, &newer));
        }
        let output = match self.parts(&mut at_work, event, operation, &inputs).await {
            Err(Ending::LeaveOut(reason)) => {
                self.warnings.push(format!("{step}: {reason}"));
                return Ok(skipped(step, &reason));
            }
            output => output?,
        };
        self.remember(target, event, operation, &output);
        Ok(Step {
            step_id: step.to_owned(),
            state: StepState::Done,
            output,
            reason: None,
        })
    }

    /// Why a state-setting step is left out: a newer event has set the state already.
    async fn superseded(
        &self,
        target: &Target,
        event: &Event,
        operation: &Operation,
    ) -> Result<Option<String>, Ending> {
        let (Some(key), Some(contact)) = (operation.sets_state.clone(), event.contact_id) else {
            return Ok(None);
        };
        let connection = target.id;
        let set_at = self
            .shared
            .db
            .read(move |tx| contacts::state_set_at(tx, contact, connection, &key))
            .await
            .map_err(|_| Ending::Wait {
                in_ms: 1_000,
                reason: None,
            })?;
        let newer = set_at.filter(|set_at| *set_at > event.occurred_at);
        Ok(newer.map(|at| {
            format!(
                "an event of {at}, newer than this one of {}, has set it",
                event.occurred_at
            )
        }))
    }

    fn remember(&mut self, target: &Target, event: &Event, operation: &Operation, output: &Json) {
        let Some(contact) = event.contact_id else { return };
        let connection = target.id;
        if let Some(key) = operation.sets_state.clone() {
            self.writes.push(Write::State {
                contact,
                connection,
                key,
                occurred_at: event.occurred_at,
            });
        }
        if matches!(&operation.run, How::Composite(name) if name == SAVES_CONTACT)
            && let Some(remote_id) = output["id"].as_str()
        {
            let link = Link {
                remote_id: remote_id.to_owned(),
                filled: cartlane_ghl::filled(&output["contact"]),
            };
            self.writes.push(Write::Link {
                contact,
                connection,
                link,
            });
        }
    }

    /// Makes the calls of a step, from where its journal stands.
    async fn parts(
        &mut self,
        step: &mut StepAtWork<'_>,
        event: &Event,
        operation: &'static Operation,
        inputs: &Json,
    ) -> Result<Json, Ending> {
        let known = self.known(step.target, event, operation).await?;
        let (mut done, unclear) = self.resume(step.id);
        step.part = i64::try_from(done.len()).unwrap_or(i64::MAX);
        if let Some(call) = unclear
            && let Some(answered) = self.confirm(step, call).await?
        {
            done.push(answered);
        }
        drop_trailing_reads(&mut done);
        loop {
            step.part = i64::try_from(done.len()).unwrap_or(i64::MAX);
            match next_part(operation, inputs, known.as_ref(), &done) {
                Part::Done { output, warnings } => {
                    self.warnings.extend(
                        warnings
                            .into_iter()
                            .map(|warning| format!("{}: {warning}", step.id)),
                    );
                    return Ok(output);
                }
                Part::Failed(message) => {
                    self.unlink_if_gone(step.target, event, &done);
                    if let Some(again) = self.bring_anew(step, &done) {
                        return Err(again);
                    }
                    let code = done.last().map_or("step.failed", |done| code_of(&done.answer));
                    return Err(failed(code, format!("step `{}`: {message}", step.id)));
                }
                Part::Call {
                    operation, inputs, ..
                } => {
                    let answered = self.call(step, operation, inputs).await?;
                    done.push(answered);
                    self.unlink_if_gone(step.target, event, &done);
                }
            }
        }
    }

    async fn known(
        &self,
        target: &Target,
        event: &Event,
        operation: &Operation,
    ) -> Result<Option<Known>, Ending> {
        let Some(contact) = event
            .contact_id
            .filter(|_| matches!(operation.run, How::Composite(_)))
        else {
            return Ok(None);
        };
        let connection = target.id;
        let link = self
            .shared
            .db
            .read(move |tx| contacts::link(tx, contact, connection))
            .await;
        let link = link.map_err(|_| Ending::Wait {
            in_ms: 1_000,
            reason: None,
        })?;
        Ok(link.map(|link| Known {
            id: link.remote_id,
            filled: link.filled,
        }))
    }

    /// Another look at what earlier turns did for this step: the calls that count, and one whose outcome is open.
    ///
    /// Calls are put in order by their part, since moments may be equal or run backwards. A later turn makes a read
    /// anew under the same part, and may then take another way: a write counts before a read.
    fn resume(&self, step: &str) -> (Vec<Done>, Option<Call>) {
        let mut parts: BTreeMap<i64, (bool, Done)> = BTreeMap::new();
        let mut unclear = None; // at most one: it is settled before the step makes another
        for call in self.work.calls.iter().filter(|call| call.step_id == step) {
            let effect = Catalog::builtin().get(&call.operation).map(|op| op.effect);
            let is_write = effect != Some(Effect::Read);
            let counts = match call.outcome {
                Outcome::Ok | Outcome::Confirmed | Outcome::Rejected => answer_of(call),
                Outcome::Intent | Outcome::Unclear if effect == Some(Effect::Unsafe) => {
                    unclear = Some(call.clone());
                    None
                }
                _ => None,
            };
            let is_taken = parts.get(&call.part).is_some_and(|(is_taken, _)| *is_taken);
            if let Some(done) = counts.filter(|_| is_write || !is_taken) {
                parts.insert(call.part, (is_write, done));
            }
        }
        let in_a_row = (0..).zip(parts).take_while(|(place, (part, _))| place == part);
        (in_a_row.map(|(_, (_, (_, done)))| done).collect(), unclear)
    }

    /// A contact that is gone over there is forgotten here, so that the next event finds it anew.
    fn unlink_if_gone(&mut self, target: &Target, event: &Event, done: &[Done]) {
        let gone = done
            .last()
            .is_some_and(|done| matches!(done.answer, Answer::NotFound));
        if let Some(contact) = event.contact_id.filter(|_| gone) {
            self.writes.push(Write::Unlink {
                contact,
                connection: target.id,
            });
        }
    }
}

fn next_part(operation: &'static Operation, inputs: &Json, known: Option<&Known>, done: &[Done]) -> Part {
    match &operation.run {
        How::Composite(name) => composite::next(name, inputs, known, done),
        How::Http(_) => match done.last().map(|done| &done.answer) {
            None => Part::Call {
                operation: &operation.id,
                inputs: inputs.clone(),
                label: "",
            },
            Some(Answer::Ok(output)) => Part::Done {
                output: output.clone(),
                warnings: Vec::new(),
            },
            Some(Answer::NotFound) => Part::Failed(
                "what it is about is not there in GHL; a contact that an earlier step brought is found or created anew by \
                 `cartlane runs retry`, or by the contact's next event"
                    .into(),
            ),
            Some(Answer::Duplicate {
                contact_id,
                matching_field,
            }) => Part::Failed(format!(
                "contact {contact_id} has this {matching_field} already; use ghl.contacts.save, which updates it"
            )),
            Some(Answer::Invalid(messages)) => {
                Part::Failed(format!("GHL refused it: {}", messages.join("; ")))
            }
        },
    }
}

fn code_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ok(_) => "step.failed",
        Answer::NotFound => "ghl.not_found",
        Answer::Duplicate { .. } => "ghl.duplicate",
        Answer::Invalid(_) => "ghl.invalid",
    }
}

/// Reads are made anew by each turn: what they told may have changed.
fn drop_trailing_reads(done: &mut Vec<Done>) {
    let is_read = |done: &Done| {
        Catalog::builtin()
            .get(&done.operation)
            .is_some_and(|operation| operation.effect == Effect::Read)
    };
    while done.last().is_some_and(is_read) {
        done.pop();
    }
}

fn record_of(step: &Step) -> (String, StepRecord) {
    let record = match step.state {
        StepState::Done => StepRecord::Done {
            output: step.output.clone(),
        },
        StepState::Skipped => StepRecord::Skipped {
            reason: step.reason.clone().unwrap_or_default(),
        },
    };
    (step.step_id.clone(), record)
}

fn skipped(step: &str, reason: &str) -> Step {
    Step {
        step_id: step.to_owned(),
        state: StepState::Skipped,
        output: Json::Null,
        reason: Some(reason.to_owned()),
    }
}

/// What the fold over a step's parts reads of a recorded call.
fn answer_of(call: &Call) -> Option<Done> {
    let answer = match call.outcome {
        Outcome::Rejected => answer_from_json(call.answer.as_ref()?)?,
        _ => Answer::Ok(call.response.clone().unwrap_or(Json::Null)),
    };
    Some(Done {
        operation: call.operation.clone(),
        inputs: call.request["inputs"].clone(),
        answer,
    })
}

/// How a refusal that a step can go on from is kept.
pub(crate) fn answer_to_json(answer: &Answer) -> Option<Json> {
    match answer {
        Answer::Ok(_) => None,
        Answer::NotFound => Some(json!({"not_found": true})),
        Answer::Duplicate {
            contact_id,
            matching_field,
        } => Some(json!({"duplicate": {"contact_id": contact_id, "matching_field": matching_field}})),
        Answer::Invalid(messages) => Some(json!({"invalid": messages})),
    }
}

pub(crate) fn answer_from_json(json: &Json) -> Option<Answer> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    if let Some(duplicate) = json.get("duplicate") {
        let contact_id = text(&duplicate["contact_id"])?;
        return Some(Answer::Duplicate {
            contact_id,
            matching_field: text(&duplicate["matching_field"])?,
        });
    }
    if let Some(messages) = json.get("invalid").and_then(Json::as_array) {
        return Some(Answer::Invalid(messages.iter().filter_map(text).collect()));
    }
    json.get("not_found").map(|_| Answer::NotFound)
}
