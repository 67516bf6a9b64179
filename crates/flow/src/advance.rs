//! What comes next in a run.
//!
//! ```text
//! advance(automation, event + journal)  ->  Call the next step | Skip it | Done
//!                                           Stopped (a step failed) | NotApplicable (the condition is false)
//! ```
//!
//! The caller does what it is told, writes what came of it into the journal, and asks again. Nothing is remembered
//! here: the same journal gives the same answer, on any node, after any crash.

use std::iter;

use minijinja::Value;
use serde_json::Value as Json;

use crate::compiled::{Compiled, CompiledStep};
use crate::expression::Expression;
use crate::input;
use crate::scope::{Scope, StepRecord};

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Call an operation, and record what came of it.
    Call {
        /// The step.
        step: String,
        /// The operation's id.
        operation: String,
        /// Its inputs: a JSON map.
        inputs: Json,
    },
    /// Record that the step was skipped.
    Skip {
        /// The step.
        step: String,
        /// Why, for people.
        reason: String,
    },
    /// Every step is done or skipped.
    Done,
    /// A step failed: the run is over.
    Stopped {
        /// The step.
        step: String,
    },
    /// The automation has nothing to do with this event.
    NotApplicable {
        /// Why, for people.
        reason: String,
    },
}

/// An expression that could not be evaluated. It is the same each time: trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Fault {
    /// The step; `None` where it is the automation's own condition.
    pub step: Option<String>,
    /// Where in the document: `steps[1].with.body`.
    pub path: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// Says what comes next in the run of `automation` that has come as far as `scope.steps` says.
///
/// Whether the automation runs on this kind of event is not asked here: see
/// [`Document::runs_on`](crate::Document::runs_on).
pub fn advance(automation: &Compiled, scope: &Scope<'_>) -> Result<Next, Fault> {
    let failed = automation
        .steps
        .iter()
        .find(|step| matches!(scope.record(&step.id), Some(StepRecord::Failed { .. })));
    if let Some(step) = failed {
        return Ok(Next::Stopped {
            step: step.id.clone(),
        });
    }
    if let Some(when) = automation.when.as_ref().filter(|_| scope.steps.is_empty()) {
        let root = automation.root(scope, &automation.uses, "", iter::empty::<&str>());
        let root = root.map_err(|found| Fault {
            step: None,
            path: found.path,
            message: found.message,
        })?;
        let fault = |message| Fault {
            step: None,
            path: "when".to_owned(),
            message,
        };
        if let Some(reason) = unmet(when, &root).map_err(fault)? {
            return Ok(Next::NotApplicable { reason });
        }
    }
    let waiting = automation
        .steps
        .iter()
        .enumerate()
        .find(|(_, step)| scope.record(&step.id).is_none());
    waiting.map_or(Ok(Next::Done), |(index, step)| {
        prepare(automation, scope, index, step)
    })
}

fn prepare(
    automation: &Compiled,
    scope: &Scope<'_>,
    index: usize,
    step: &CompiledStep,
) -> Result<Next, Fault> {
    let ids = automation.steps.iter().map(|step| &step.id);
    let fault = |path, message| Fault {
        step: Some(step.id.clone()),
        path,
        message,
    };
    let root = automation.root(scope, &step.uses, &step.id, ids);
    let root = root.map_err(|found| fault(found.path, found.message))?;
    if let Some(when) = &step.when {
        let reason = unmet(when, &root).map_err(|message| fault(format!("steps[{index}].when"), message))?;
        if let Some(reason) = reason {
            return Ok(Next::Skip {
                step: step.id.clone(),
                reason,
            });
        }
    }
    let inputs = input::evaluate_fields(&step.with, &automation.environment, &root);
    let inputs = inputs.map_err(|found| fault(found.path, found.message))?;
    Ok(Next::Call {
        step: step.id.clone(),
        operation: step.operation.clone(),
        inputs: Json::Object(inputs),
    })
}

/// Why a condition does not hold; `None` where it does.
fn unmet(when: &Expression, root: &Value) -> Result<Option<String>, String> {
    let holds = when.evaluate(root)?.is_true();
    Ok((!holds).then(|| format!("its condition is not met: {}", when.source)))
}
