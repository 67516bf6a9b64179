//! A plan against a live account: reads are made, writes are simulated on what was read.

use std::sync::Arc;

use cartlane_catalog::{Catalog, Effect as Twice, Operation, Run as How, System};
use cartlane_flow::StepRecord;
use cartlane_ghl::composite::{self, Answer, Done, Known, Part};
use serde_json::{Value as Json, json};

use super::simulate::{self, answer, is_unknown};
use crate::ahead::{self, Ahead};
use crate::directory::Target;
use crate::executor::answer_of;
use crate::fold::{Call, Fold, Given};
use crate::knowledge::Knowledge;
use crate::systems::Kind;
use crate::trial::effects;
use crate::{AdminError, CallError, Executor, Handle};

/// The account, and its contact as it would be by now.
struct Ground {
    executor: Executor,
    target: Arc<Target>,
    /// As [`Executor::contact_state`] reads it; null where there is none.
    state: Json,
    /// What is remembered of the contact from earlier events.
    link: Option<Known>,
    /// What the answers so far would have told.
    knowledge: Knowledge,
}

/// What came of a step.
struct Came {
    record: StepRecord,
    /// Whether it is more than a guess.
    is_known: bool,
    /// Beside the step, for people.
    told: Json,
}

impl Handle {
    pub(super) async fn plan_against(&self, given: Given<'_>, connection: &str) -> Result<Json, AdminError> {
        let (document, event) = (given.compiled.document(), given.event);
        let executor = self.executor();
        let unread = |error: CallError| AdminError::Unfit(error.to_string());
        let target = executor.target(connection, Kind::Ghl).map_err(unread)?;
        let is_ghl = event.facts.kind.as_str().starts_with("ghl.");
        let person = &event.facts.person;
        let id = person.customer_id.as_ref().filter(|_| is_ghl);
        let inputs = match (id, &person.email) {
            (Some(id), _) => Some(json!({"id": id})),
            (None, Some(email)) => Some(json!({"email": email})),
            (None, None) => None,
        };
        let mut state = Json::Null;
        if let Some(inputs) = &inputs {
            let found = executor
                .call(&target.name, "ghl.contacts.find", inputs)
                .await
                .map_err(unread)?;
            if let Some(id) = found.value["id"].as_str() {
                state = executor.contact_state(&target.name, id).await.map_err(unread)?;
            }
        }
        let before = state.clone();
        let mut ground = Ground {
            link: self.link(event.contact_id, target.id).await?,
            executor,
            target,
            state,
            knowledge: Knowledge::default(),
        };
        let mut fold = Fold::new(given);
        while let Some(call) = fold.next_call() {
            let named = call.connection.as_deref().or(document.connection.as_deref());
            let is_elsewhere = named.is_some_and(|name| name != ground.target.name);
            let ahead = ahead::tags_ahead(given, fold.journal().clone(), call.clone());
            let mut came = ground.step(&call, &ahead, is_elsewhere).await.map_err(unread)?;
            if let StepRecord::Failed { message } = &came.record
                && fold.is_guess(&call)
            {
                came = unknown(Catalog::builtin().get(&call.operation), message);
            }
            if came.is_known {
                fold.answer(call, came.record, &came.told);
            } else {
                fold.guess(call, came.record, &came.told);
            }
        }
        let ending = fold.ending().to_json();
        Ok(json!({
            "automation": document.name, "rules": fold.rules(), "steps": fold.told, "ending": ending,
            "against": connection,
            "contact": {"id": before["contact"]["id"], "email": person.email},
            "effects": effects(&before, &ground.state),
        }))
    }
}

impl Ground {
    /// What a step would come to. The error is one of reading, after which nothing more can be told.
    async fn step(&mut self, call: &Call, ahead: &Ahead, is_elsewhere: bool) -> Result<Came, CallError> {
        let Some(operation) = Catalog::builtin().get(&call.operation) else {
            return Ok(failed(format!("there is no operation `{}`", call.operation)));
        };
        let unknown = |why| unknown(Some(operation), why);
        if operation.system != System::Ghl {
            return Ok(unknown("it goes to another system, which a plan does not ask"));
        }
        if is_elsewhere {
            return Ok(unknown(
                "it goes to another connection, which this plan does not ask",
            ));
        }
        let (inputs, left_out) = operation.without_unknown_countries(call.inputs.clone());
        let inputs = match self.executor.checked(&self.target, operation, &inputs).await {
            Ok(inputs) => inputs,
            Err(CallError::Inputs(problems)) => return Ok(failed(problems.to_string())),
            Err(error) => return Err(error),
        };
        let (mut calls, mut warnings) = (Vec::new(), left_out);
        let How::Composite(hook) = &operation.run else {
            let answered = self.part(operation, inputs, ahead, &mut calls).await?;
            let output = match answered {
                Answer::Ok(output) => output,
                refused => return Ok(failed(words(&refused))),
            };
            return Ok(done(output, &calls, &warnings));
        };
        let mut made: Vec<Done> = Vec::new();
        loop {
            match composite::next(hook, &inputs, self.link.as_ref(), &made) {
                Part::Done {
                    output,
                    warnings: more,
                } => {
                    warnings.extend(more);
                    return Ok(done(output, &calls, &warnings));
                }
                Part::Failed(message) => return Ok(failed(message)),
                Part::Call {
                    operation, inputs, ..
                } => {
                    let Some(part) = Catalog::builtin().get(operation) else {
                        return Ok(failed(format!("there is no operation `{operation}`")));
                    };
                    let answer = self.part(part, inputs.clone(), ahead, &mut calls).await?;
                    made.push(Done {
                        operation: operation.into(),
                        inputs,
                        answer,
                    });
                }
            }
        }
    }

    /// One call: read, or simulated; noted in `calls`.
    async fn part(
        &mut self,
        operation: &'static Operation,
        mut inputs: Json,
        ahead: &Ahead,
        calls: &mut Vec<Json>,
    ) -> Result<Answer, CallError> {
        if let Some(known) = self.knowledge.answer(self.target.id, operation, &inputs) {
            calls.push(json!({"operation": operation.id, "inputs": inputs, "known": true}));
            return Ok(Answer::Ok(known));
        }
        let serves = ahead.put_into(&operation.id, &mut inputs);
        let inputs = &inputs;
        let mut told = json!({"operation": operation.id, "inputs": inputs});
        if serves {
            told["serves"] = json!(ahead.steps);
        }
        let answered = if operation.effect_with(inputs) != Twice::Read {
            told["writes"] = true.into();
            let simulated = simulate::write_opportunity(operation, inputs, &mut self.state)
                .or_else(|| simulate::write(operation, inputs, &mut self.state));
            if simulated.is_none() {
                told["unknown"] = "what it leaves is not followed".into();
            }
            Answer::Ok(simulated.unwrap_or_else(|| answer(operation)))
        } else if let Some(answer) = self.known(operation, inputs) {
            Answer::Ok(answer)
        } else if is_unknown(inputs) {
            told["unknown"] = "it depends on an answer that nobody has yet".into();
            Answer::Ok(answer(operation))
        } else {
            let asked = self.executor.ask(&self.target, operation, inputs).await;
            answer_of(asked)?.0
        };
        if let Answer::Ok(answer) = &answered {
            self.knowledge.learn(self.target.id, operation, inputs, answer);
        }
        calls.push(told);
        Ok(answered)
    }

    /// The answer of a read about the contact that simulated writes have changed.
    fn known(&self, operation: &Operation, inputs: &Json) -> Option<Json> {
        let contact = &self.state["contact"];
        let same_email = || {
            let (theirs, ours) = (inputs["email"].as_str()?, contact["email"].as_str()?);
            Some(theirs.eq_ignore_ascii_case(ours))
        };
        match operation.id.as_str() {
            "ghl.contacts.get" if !contact.is_null() && inputs["contactId"] == contact["id"] => {
                Some(json!({"contact": contact}))
            }
            "ghl.contacts.find_duplicate" if same_email() == Some(true) => Some(json!({"contact": contact})),
            _ => None,
        }
    }
}

fn done(output: Json, calls: &[Json], warnings: &[String]) -> Came {
    let mut told = json!({"calls": calls});
    if !warnings.is_empty() {
        told["warnings"] = json!(warnings);
    }
    Came {
        record: StepRecord::Done { output },
        is_known: calls.iter().all(|call| call["unknown"].is_null()),
        told,
    }
}

fn unknown(operation: Option<&Operation>, why: &str) -> Came {
    Came {
        record: StepRecord::Done {
            output: operation.map_or(Json::Null, answer),
        },
        is_known: false,
        told: json!({"unknown": why}),
    }
}

fn failed(message: String) -> Came {
    Came {
        told: json!({"failed": message}),
        is_known: true,
        record: StepRecord::Failed { message },
    }
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::NotFound => "GHL has no such thing".into(),
        Answer::Duplicate {
            contact_id,
            matching_field,
        } => format!("contact {contact_id} has the same {matching_field}"),
        Answer::Invalid(messages) => messages.join("; "),
        Answer::Ok(_) => String::new(),
    }
}
