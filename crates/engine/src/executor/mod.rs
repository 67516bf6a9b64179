//! Doing one operation for somebody who waits for its answer: a person at the command line, a page, a drop-down.
//!
//! ```text
//! call:   inputs ─► friendly forms ─► checked, all faults at once ─► parts ─► line: budget, send, again, look ─► output
//! pages:  call, call, call … with a cursor; one page in memory
//! choices: pages of the list that an input's values come from, kept for a while
//! ```
//!
//! Runs of automations do not come this way: they write down what they do, since they have to go on after a crash
//! (`crate::call`). Both use the same catalog, client, budget and composites, so an operation does the same in both.
//!
//! What always holds: nothing is sent before all inputs are right, but for the list of custom fields where the inputs
//! name some; an unsafe call is sent once: after an unclear outcome it is looked for, and never sent again by itself.

mod choices;
mod error;
mod line;
mod pages;

use std::sync::Arc;

use cartlane_catalog::{Catalog, Operation, Request, Run as How};
use cartlane_ghl::Rejection;
use cartlane_ghl::composite::{self, Answer, Done, Part};
use cartlane_model::Problems;
use serde::Serialize;
use serde_json::Value as Json;

use crate::directory::Target;
use crate::systems::Kind;
use crate::{Handle, Shared};

pub use choices::Choices;
pub(crate) use choices::Kept as KeptChoices;
pub use error::{CALL_CODES, CallError};
pub use pages::PageStream;

/// Does operations. Cheap to make.
pub struct Executor {
    shared: Arc<Shared>,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// The answer, or a composite's output.
    pub value: Json,
    /// What did not go as asked, for people.
    pub warnings: Vec<String>,
}

impl Handle {
    /// What does operations.
    pub fn executor(&self) -> Executor {
        Executor {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Executor {
    /// Does an operation with the connection of this name or id.
    pub async fn call(&self, connection: &str, operation: &str, inputs: &Json) -> Result<Output, CallError> {
        let operation = find(operation)?;
        let target = self.target(connection, Kind::of(operation))?;
        let inputs = self.checked(&target, operation, inputs).await?;
        self.parts(&target, operation, &inputs).await
    }

    /// The request that [`Executor::call`] would send first, without sending it. Custom fields' names stay as they are.
    pub fn plan(&self, connection: &str, operation: &str, inputs: &Json) -> Result<Request, CallError> {
        let operation = find(operation)?;
        let target = self.target(connection, Kind::of(operation))?;
        operation.validate(inputs).map_err(CallError::Inputs)?;
        let inputs = operation.friendly(inputs, None).map_err(CallError::Inputs)?;
        let (first, inputs) = match first_part(operation, &inputs) {
            Part::Call {
                operation, inputs, ..
            } => (find(operation)?, inputs),
            Part::Failed(message) => return Err(stopped(message, None)),
            Part::Done { .. } => return Err(stopped("there is nothing to send".into(), None)),
        };
        first
            .request(&inputs, target.line.place())
            .map_err(CallError::Inputs)
    }

    /// Makes the one call of an operation that is no composite; the inputs are checked.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        operation: &Operation,
        inputs: &Json,
    ) -> Result<Json, CallError> {
        self.shared.ask(target, operation, inputs).await
    }

    /// The connection of this kind, and of this name or id.
    pub(crate) fn target(&self, connection: &str, kind: Kind) -> Result<Arc<Target>, CallError> {
        let directory = self.shared.directory();
        let targets = || {
            directory
                .targets()
                .filter(move |target| target.line.kind() == kind)
        };
        let found = targets().find(|target| target.name == connection || target.id.to_string() == connection);
        found.map(Arc::clone).ok_or_else(|| {
            let mut names: Vec<&str> = targets().map(|target| target.name.as_str()).collect();
            names.sort_unstable();
            let known = match &names[..] {
                [] => "there is none: `cartlane connections add` adds one".into(),
                names => format!("there is: {}", names.join(", ")),
            };
            CallError::NoConnection {
                name: connection.into(),
                known,
            }
        })
    }

    /// The inputs in their one form, checked.
    pub(crate) async fn checked(
        &self,
        target: &Target,
        operation: &'static Operation,
        inputs: &Json,
    ) -> Result<Json, CallError> {
        operation.validate(inputs).map_err(CallError::Inputs)?;
        let inputs = self.shared.friendly(target, operation, inputs).await?;
        operation.validate(&inputs).map_err(CallError::Inputs)?;
        Ok(inputs)
    }

    async fn parts(
        &self,
        target: &Target,
        operation: &'static Operation,
        inputs: &Json,
    ) -> Result<Output, CallError> {
        let How::Composite(hook) = &operation.run else {
            let value = self.shared.ask(target, operation, inputs).await?;
            return Ok(Output {
                value,
                warnings: Vec::new(),
            });
        };
        let mut done: Vec<Done> = Vec::new();
        let mut refusal = None;
        loop {
            match composite::next(hook, inputs, None, &done) {
                Part::Done { output, warnings } => {
                    return Ok(Output {
                        value: output,
                        warnings,
                    });
                }
                Part::Failed(message) => return Err(stopped(message, refusal)),
                Part::Call {
                    operation, inputs, ..
                } => {
                    let part = find(operation)?;
                    let answered = self.shared.ask(target, part, &inputs).await;
                    let (answer, refused) = answer_of(answered)?;
                    refusal = refused;
                    done.push(Done {
                        operation: operation.into(),
                        inputs,
                        answer,
                    });
                }
            }
        }
    }
}

impl Shared {
    /// Inputs as people write them in the form that goes over the wire. Reads the location's custom fields where the
    /// inputs name some; a token that may not read them leaves the names as keys.
    pub(crate) async fn friendly(
        &self,
        target: &Target,
        operation: &'static Operation,
        inputs: &Json,
    ) -> Result<Json, CallError> {
        if !operation.needs_fields(inputs) {
            return operation.friendly(inputs, None).map_err(CallError::Inputs);
        }
        let fields = match self
            .choices(target, choices::CUSTOM_FIELDS, &Json::Null, false)
            .await
        {
            Ok(fields) => Some(fields),
            Err(CallError::Refused(Rejection::MissingScope { .. } | Rejection::Forbidden)) => None,
            Err(error) => return Err(error),
        };
        let known = fields.as_ref().map(|fields| &fields.choices[..]);
        match operation.friendly(inputs, known) {
            Err(_) if fields.as_ref().is_some_and(|fields| fields.is_kept) => {
                // The field may be newer than the list.
                let fields = self
                    .choices(target, choices::CUSTOM_FIELDS, &Json::Null, true)
                    .await?;
                let friendly = operation.friendly(inputs, Some(&fields.choices));
                friendly.map_err(CallError::Inputs)
            }
            friendly => friendly.map_err(CallError::Inputs),
        }
    }
}

fn first_part(operation: &'static Operation, inputs: &Json) -> Part {
    match &operation.run {
        How::Composite(hook) => composite::next(hook, inputs, None, &[]),
        How::Http(_) | How::Raw => Part::Call {
            operation: &operation.id,
            inputs: inputs.clone(),
            label: "",
        },
    }
}

/// The answers that a composite can go on from, with the refusal that they come from.
pub(crate) fn answer_of(answered: Result<Json, CallError>) -> Result<(Answer, Option<Rejection>), CallError> {
    match answered {
        Ok(answer) => Ok((Answer::Ok(answer), None)),
        Err(CallError::Refused(refusal)) => match crate::exchange::answer(&refusal) {
            Some(answer) => Ok((answer, Some(refusal))),
            None => Err(CallError::Refused(refusal)),
        },
        Err(error) => Err(error),
    }
}

fn stopped(message: String, refusal: Option<Rejection>) -> CallError {
    CallError::Stopped { message, refusal }
}

fn find(id: &str) -> Result<&'static Operation, CallError> {
    let catalog = Catalog::builtin();
    catalog.get(id).ok_or_else(|| CallError::UnknownOperation {
        id: id.into(),
        hint: match catalog.nearest(id) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`cartlane ops list` lists what there is".into(),
        },
    })
}

/// A fault of the inputs as a whole.
fn fault(message: &str) -> Problems {
    let mut problems = Problems::default();
    problems.push("", message);
    problems
}
