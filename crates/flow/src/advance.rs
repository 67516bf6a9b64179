//! What comes next in a run.
//!
//! ```text
//! advance(automation, event + journal)  ->  Call the next step | Note what a step decided | Skip it | Wait | Done
//!                                           Ended (by `stop`) | Stopped (a step failed) | NotApplicable (the condition is false)
//! ```
//!
//! The caller does what it is told, writes what came of it into the journal, and asks again. Nothing is remembered
//! here: the same journal gives the same answer, on any node, after any crash. What a branch took and what a loop goes
//! over is noted when it is decided, so that a later answer cannot change it.
//!
//! A step within a loop stands in the journal once for each round: `mail#2`, and `mail#2.0` where loops stand in loops.

use minijinja::Value;
use serde_json::{Value as Json, json};

use crate::compiled::{Compiled, CompiledAction, CompiledOnError, CompiledStep};
use crate::input;
use crate::next::{Fault, Next};
use crate::scope::{Around, Records, Round, Scope, StepRecord};
use crate::wait;

/// Says what comes next in the run of `automation` that has come as far as `scope.steps` says.
///
/// Whether the automation runs on this kind of event is not asked here: see
/// [`Document::runs_on`](crate::Document::runs_on).
pub fn advance(automation: &Compiled, scope: &Scope<'_>) -> Result<Next, Fault> {
    if let Some(when) = automation.when.as_ref().filter(|_| scope.steps.is_empty()) {
        let root = automation.root(scope, &automation.uses, &Around::default());
        let root = root.map_err(|found| Fault {
            step: None,
            path: found.path,
            message: found.message,
        })?;
        let unmet = when.unmet(&automation.environment, &root);
        let fault = |message| Fault {
            step: None,
            path: "when".to_owned(),
            message,
        };
        if let Some(reason) = unmet.map_err(fault)? {
            return Ok(Next::NotApplicable { reason });
        }
    }
    let walk = Walk {
        automation,
        scope,
        records: scope.records(),
    };
    let next = walk.block(&automation.steps, &mut Vec::new())?;
    Ok(next.unwrap_or(Next::Done))
}

/// Whether the step of this journal's name, which waits, waits for `awaited`.
///
/// # Errors
/// Where its condition cannot be evaluated.
pub fn awaits(
    automation: &Compiled,
    scope: &Scope<'_>,
    step: &str,
    awaited: &cartlane_model::Event,
) -> Result<bool, Fault> {
    let walk = Walk {
        automation,
        scope,
        records: scope.records(),
    };
    let (id, rounds) = step.split_once('#').unwrap_or((step, ""));
    let Some(found) = find(&automation.steps, id) else {
        return Ok(false);
    };
    let CompiledAction::Wait {
        kinds, when, uses, ..
    } = &found.action
    else {
        return Ok(false);
    };
    let is_awaited = |kind: &String| kind == wait::ANY || kind == awaited.facts.kind.as_str();
    if !kinds.iter().any(is_awaited) {
        return Ok(false);
    }
    let Some(when) = when else { return Ok(true) };
    let rounds = walk.rounds(id, rounds);
    let around = Around {
        awaited: Some(awaited),
        ..walk.around(step, &rounds)
    };
    let root = automation.root(scope, uses, &around);
    let root = root.map_err(|fault| found.fault(fault.path, fault.message))?;
    let unmet = when.unmet(&automation.environment, &root);
    let unmet = unmet.map_err(|message| found.fault(format!("{}.wait.when", found.path), message))?;
    Ok(unmet.is_none())
}

/// The step of this id, wherever it stands.
fn find<'c>(steps: &'c [CompiledStep], id: &str) -> Option<&'c CompiledStep> {
    steps.iter().find_map(|step| {
        if step.id == id {
            return Some(step);
        }
        step.inner().into_iter().find_map(|steps| find(steps, id))
    })
}

impl CompiledStep {
    fn inner(&self) -> Vec<&[Self]> {
        match &self.action {
            CompiledAction::Call {
                on_error: CompiledOnError::Go(steps),
                ..
            }
            | CompiledAction::ForEach { steps, .. } => vec![steps],
            CompiledAction::Branch { cases, otherwise } => {
                let cases = cases.iter().map(|(_, steps)| &steps[..]);
                cases.chain([&otherwise[..]]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn fault(&self, path: String, message: String) -> Fault {
        Fault {
            step: Some(self.id.clone()),
            path,
            message,
        }
    }
}

struct Walk<'a> {
    automation: &'a Compiled,
    scope: &'a Scope<'a>,
    records: Records<'a>,
}

/// A step's name in the journal.
fn key_of(id: &str, rounds: &[Round]) -> String {
    let indices: Vec<String> = rounds.iter().map(|round| round.index.to_string()).collect();
    if indices.is_empty() {
        id.to_owned()
    } else {
        format!("{id}#{}", indices.join("."))
    }
}

impl Walk<'_> {
    fn around<'r>(&'r self, step: &'r str, rounds: &'r [Round]) -> Around<'r> {
        Around {
            step,
            rounds,
            ids: Some(&self.automation.ids),
            records: Some(&self.records),
            awaited: None,
        }
    }

    /// The rounds that a name of the journal tells, with the items of their loops.
    fn rounds(&self, id: &str, indices: &str) -> Vec<Round> {
        let mut rounds: Vec<Round> = Vec::new();
        let mut loops = loops_around(&self.automation.steps, id)
            .unwrap_or_default()
            .into_iter();
        for index in indices.split('.').filter_map(|index| index.parse::<usize>().ok()) {
            let Some(each) = loops.next() else { break };
            let item = match self.records.get(key_of(&each, &rounds).as_str()) {
                Some(StepRecord::Done { output }) => output["items"][index].clone(),
                _ => Json::Null,
            };
            rounds.push(Round { item, index });
        }
        rounds
    }

    /// What comes next in a list of steps; `None` where all of it is over.
    fn block(&self, steps: &[CompiledStep], rounds: &mut Vec<Round>) -> Result<Option<Next>, Fault> {
        for step in steps {
            let key = key_of(&step.id, rounds);
            let next = match self.records.get(key.as_str()) {
                None | Some(StepRecord::Waiting { .. }) => Some(self.begin(step, key, rounds)?),
                Some(StepRecord::Skipped { .. }) => None,
                Some(StepRecord::Failed { .. }) => match &step.action {
                    CompiledAction::Call {
                        on_error: CompiledOnError::Go(steps),
                        ..
                    } => self.block(steps, rounds)?,
                    _ => Some(Next::Stopped { step: key }),
                },
                Some(StepRecord::Done { output }) => self.within(step, key, output, rounds)?,
            };
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// [`Walk::prepare`]; a fault is that of the step as it stands in the journal.
    fn begin(&self, step: &CompiledStep, key: String, rounds: &[Round]) -> Result<Next, Fault> {
        self.prepare(step, key.clone(), rounds).map_err(|fault| Fault {
            step: Some(key),
            ..fault
        })
    }

    /// What comes next within a step that has been decided.
    fn within(
        &self,
        step: &CompiledStep,
        key: String,
        output: &Json,
        rounds: &mut Vec<Round>,
    ) -> Result<Option<Next>, Fault> {
        match &step.action {
            CompiledAction::Branch { cases, otherwise } => {
                let taken = output["taken"]
                    .as_u64()
                    .and_then(|taken| usize::try_from(taken).ok());
                let steps = taken.and_then(|taken| cases.get(taken)).map(|(_, steps)| steps);
                self.block(steps.unwrap_or(otherwise), rounds)
            }
            CompiledAction::ForEach { steps, .. } => {
                let items = output["items"].as_array().map_or(&[][..], Vec::as_slice);
                for (index, item) in items.iter().enumerate() {
                    rounds.push(Round {
                        item: item.clone(),
                        index,
                    });
                    let next = self.block(steps, rounds);
                    rounds.pop();
                    if let Some(next) = next? {
                        return Ok(Some(next));
                    }
                }
                Ok(None)
            }
            CompiledAction::Stop(_) => Ok(Some(Next::Ended {
                step: key,
                reason: output["reason"].as_str().unwrap_or_default().to_owned(),
            })),
            _ => Ok(None),
        }
    }

    /// What a step comes to that has not been begun.
    fn prepare(&self, step: &CompiledStep, key: String, rounds: &[Round]) -> Result<Next, Fault> {
        let around = self.around(&key, rounds);
        let root = self.automation.root(self.scope, &step.uses, &around);
        let root = root.map_err(|fault| step.fault(fault.path, fault.message))?;
        if let Some(when) = &step.when {
            let unmet = when.unmet(&self.automation.environment, &root);
            let unmet = unmet.map_err(|message| step.fault(format!("{}.when", step.path), message))?;
            if let Some(reason) = unmet {
                return Ok(Next::Skip { step: key, reason });
            }
        }
        let note = |step, output| Ok(Next::Note { step, output });
        match &step.action {
            CompiledAction::Call {
                operation,
                connection,
                on_unclear,
                with,
                on_error,
            } => Ok(Next::Call {
                step: key,
                operation: operation.clone(),
                inputs: self.fields(step, with, &root)?,
                connection: connection.clone(),
                on_unclear: *on_unclear,
                goes_on: !matches!(on_error, CompiledOnError::Stop),
            }),
            CompiledAction::Branch { cases, .. } => {
                let mut reasons = Vec::new();
                for (index, (when, _)) in cases.iter().enumerate() {
                    let unmet = when.unmet(&self.automation.environment, &root);
                    let path = || format!("{}.branch[{index}].when", step.path);
                    match unmet.map_err(|message| step.fault(path(), message))? {
                        None => return note(key, json!({"taken": index, "not_taken": reasons})),
                        Some(reason) => reasons.push(reason),
                    }
                }
                note(key, json!({"taken": null, "not_taken": reasons}))
            }
            CompiledAction::ForEach { list, at_most, .. } => {
                let items = items(step, list.as_ref(), *at_most, &root)?;
                note(key, json!({"count": items.len(), "items": items}))
            }
            CompiledAction::Wait {
                lasts_ms,
                until,
                kinds,
                ..
            } => Ok(Next::Wait {
                step: key,
                lasts_ms: *lasts_ms,
                until: self.until(step, until.as_ref(), &root)?,
                kinds: kinds.clone(),
            }),
            CompiledAction::Set(set) => note(key, self.fields(step, set, &root)?),
            CompiledAction::Stop(why) => {
                let reason = why.evaluate(&self.automation.environment, &root);
                let reason = reason.map_err(|fault| step.fault(fault.path, fault.message))?;
                note(key, json!({"reason": reason}))
            }
        }
    }

    fn fields(
        &self,
        step: &CompiledStep,
        fields: &[(String, input::Input)],
        root: &Value,
    ) -> Result<Json, Fault> {
        let fields = input::evaluate_fields(fields, &self.automation.environment, root);
        let fields = fields.map_err(|fault| step.fault(fault.path, fault.message))?;
        Ok(Json::Object(fields))
    }

    fn until(
        &self,
        step: &CompiledStep,
        until: Option<&input::Input>,
        root: &Value,
    ) -> Result<Option<i64>, Fault> {
        let Some(until) = until else { return Ok(None) };
        let path = || format!("{}.wait.until", step.path);
        let value = until.evaluate(&self.automation.environment, root);
        let value = value.map_err(|fault| step.fault(fault.path, fault.message))?;
        match value {
            None => Err(step.fault(path(), "comes to nothing; name a moment".into())),
            Some(value) => crate::wait::moment(&value).map(Some).ok_or_else(|| {
                step.fault(
                    path(),
                    format!("{value} is no moment; write a date or milliseconds since 1970"),
                )
            }),
        }
    }
}

/// The loops around a step, outermost first.
fn loops_around(steps: &[CompiledStep], id: &str) -> Option<Vec<String>> {
    steps.iter().find_map(|step| {
        if step.id == id {
            return Some(Vec::new());
        }
        let found = step
            .inner()
            .into_iter()
            .find_map(|steps| loops_around(steps, id))?;
        let is_loop = matches!(step.action, CompiledAction::ForEach { .. });
        let own = is_loop.then(|| step.id.clone());
        Some(own.into_iter().chain(found).collect())
    })
}

/// The items that a loop goes over.
fn items(
    step: &CompiledStep,
    list: Option<&crate::expression::Expression>,
    at_most: usize,
    root: &Value,
) -> Result<Vec<Json>, Fault> {
    let fault = |message| step.fault(format!("{}.for_each", step.path), message);
    let Some(list) = list else { return Ok(Vec::new()) };
    let value = list.evaluate(root).map_err(fault)?;
    let value = serde_json::to_value(&value).map_err(|error| fault(error.to_string()))?;
    match value {
        Json::Null => Ok(Vec::new()),
        Json::Array(items) if items.len() > at_most => Err(fault(format!(
            "the list has {} items, and at most {at_most} are gone through; raise `at_most`, or cut the list",
            items.len()
        ))),
        Json::Array(items) => Ok(items),
        other => Err(fault(format!("comes to {other}, which is no list"))),
    }
}
