//! One step of a run: its inputs checked, its calls made in their order, what it told remembered.

use cartlane_catalog::{Catalog, Operation, Run as How};
use cartlane_ghl::composite::{self, Answer, Done, Known, Part};
use cartlane_model::{ConnectionId, ContactId, Event};
use cartlane_store::contacts::{self, Link};
use cartlane_store::journal::{Step, StepState};
use cartlane_store::runs::Reason;
use cartlane_store::{Error, Tx};
use serde_json::Value as Json;

use crate::directory::Target;
use crate::executor::CallError;
use crate::ready::in_a_second;
use crate::resume::drop_trailing_reads;
use crate::run::{Run, StepAtWork, Write, failed, skipped};
use crate::worker::Ending;

/// The composite whose answer tells a contact's id.
const SAVES_CONTACT: &str = "save_contact";

impl Run<'_> {
    pub async fn step(
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
        let (inputs, left_out) = operation.without_unknown_countries(inputs);
        let told = left_out.into_iter().map(|what| format!("{step}: {what}"));
        self.warnings.extend(told);
        operation
            .validate(&inputs)
            .map_err(|problems| failed("step.inputs", format!("step `{step}`: {problems}")))?;
        let inputs = self.friendly(&at_work, operation, inputs).await?;
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

    /// The inputs in their one form, custom fields by id. Reading the location's list of them is no call of the step.
    async fn friendly(
        &self,
        step: &StepAtWork<'_>,
        operation: &'static Operation,
        inputs: Json,
    ) -> Result<Json, Ending> {
        let friendly = self.shared.friendly(step.target, operation, &inputs).await;
        friendly.map_err(|error| match error {
            CallError::Inputs(problems) => failed("step.inputs", format!("step `{}`: {problems}", step.id)),
            CallError::Paused { code, reason, .. } => Ending::WaitFor {
                connection: step.target.id,
                reason: Reason {
                    code,
                    message: reason,
                },
            },
            error => Ending::Retry {
                in_ms: self.backoff_ms(),
                reason: Reason {
                    code: error.code().into(),
                    message: format!("step `{}`: reading the custom fields: {error}", step.id),
                },
            },
        })
    }

    /// Why a state-setting step is left out: a newer event has set the state already.
    pub async fn superseded(
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
        let contact = event
            .contact_id
            .filter(|_| matches!(operation.run, How::Composite(_)));
        let link = self.shared.link(contact, target.id).await;
        link.map_err(|_| in_a_second())
    }

    /// A contact that is gone over there is forgotten here, so that the next event finds it anew. Where an answer may
    /// mean something else of the path's, that costs a search.
    fn unlink_if_gone(&mut self, target: &Target, event: &Event, done: &[Done]) {
        let gone = done.last().is_some_and(|done| {
            matches!(done.answer, Answer::NotFound) && done.inputs.get("contactId").is_some()
        });
        if let Some(contact) = event.contact_id.filter(|_| gone) {
            self.writes.push(Write::Unlink {
                contact,
                connection: target.id,
            });
        }
    }
}

impl crate::Shared {
    /// What is remembered of a contact in an account.
    pub(crate) async fn link(
        &self,
        contact: Option<ContactId>,
        connection: ConnectionId,
    ) -> Result<Option<Known>, Error> {
        let Some(contact) = contact else { return Ok(None) };
        let read = move |tx: &mut dyn Tx| contacts::link(tx, contact, connection);
        let link = self.db.read(read).await?;
        Ok(link.map(|link| Known {
            id: link.remote_id,
            filled: link.filled,
        }))
    }
}

fn next_part(operation: &'static Operation, inputs: &Json, known: Option<&Known>, done: &[Done]) -> Part {
    match &operation.run {
        How::Composite(name) => composite::next(name, inputs, known, done),
        How::Http(_) | How::Raw => match done.last().map(|done| &done.answer) {
            None => Part::Call {
                operation: &operation.id,
                inputs: inputs.clone(),
                label: "",
            },
            Some(Answer::Ok(output)) => Part::Done {
                output: output.clone(),
                warnings: Vec::new(),
            },
            Some(Answer::NotFound) if deletes(operation) => Part::Done {
                output: Json::Object(serde_json::Map::new()),
                warnings: vec!["it was not there any more".into()],
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

/// Whether it deletes the thing that its path names: one that is not there is as wanted, and a second request after
/// an unclear first one finds it so.
fn deletes(operation: &Operation) -> bool {
    let endpoint = operation.endpoint();
    endpoint.is_some_and(|endpoint| endpoint.method == "DELETE" && endpoint.path.ends_with('}'))
}

fn code_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ok(_) => "step.failed",
        Answer::NotFound => "ghl.not_found",
        Answer::Duplicate { .. } => "ghl.duplicate",
        Answer::Invalid(_) => "ghl.invalid",
    }
}
