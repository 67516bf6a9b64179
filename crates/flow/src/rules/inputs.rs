//! What steps are given by the rows of a rules table: for checks that want to know every name before an event comes.

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::compiled::{Compiled, CompiledAction, CompiledOnError, CompiledStep};
use crate::input::Input;
use crate::uses::Uses;

/// What one row, by itself, gives to one call.
#[derive(Clone, Debug, PartialEq)]
pub struct RowInputs {
    /// The row, from 0.
    pub row: usize,
    /// The step.
    pub step: String,
    /// The operation that it calls.
    pub operation: String,
    /// Its inputs, but for what only a run can tell.
    pub inputs: Map<String, Json>,
}

impl Compiled {
    /// What each row of the rules table would give to each call that reads `rules`, as far as no run is needed to tell.
    pub fn inputs_by_row(&self) -> Vec<RowInputs> {
        let Some(rules) = &self.rules else {
            return Vec::new();
        };
        let mut calls = Vec::new();
        collect(&self.steps, &mut calls);
        let mut found = Vec::new();
        for (row, outcomes) in rules
            .of_each_row(&self.environment, &self.tables)
            .iter()
            .enumerate()
        {
            let names = [("rules", rules.value(outcomes)), ("tables", self.tables.clone())];
            let root = Value::from_pairs(names);
            for step in &calls {
                let CompiledAction::Call { operation, with, .. } = &step.action else {
                    continue;
                };
                let input = |(name, input): &(String, Input)| {
                    let value = input.known(&self.environment, &root, &["rules", "tables"])?;
                    Some((name.clone(), value))
                };
                found.push(RowInputs {
                    row,
                    step: step.id.clone(),
                    operation: operation.clone(),
                    inputs: with.iter().filter_map(input).collect(),
                });
            }
        }
        found
    }

    /// The outcomes that rows give and nothing reads.
    pub fn unread_outcomes(&self) -> Vec<&str> {
        let read = self.reads.child("rules");
        if read.is_some_and(Uses::is_whole) {
            return Vec::new();
        }
        let rows = self.document().rules.iter().flat_map(|rules| &rules.rows);
        let mut names: Vec<&str> = rows.flat_map(|row| row.then.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| read.is_none_or(|read| read.child(name).is_none()));
        names
    }
}

/// The calls that read `rules`, those within other steps included.
fn collect<'s>(steps: &'s [CompiledStep], calls: &mut Vec<&'s CompiledStep>) {
    for step in steps {
        match &step.action {
            CompiledAction::Call { on_error, .. } => {
                if step.uses.child("rules").is_some() {
                    calls.push(step);
                }
                if let CompiledOnError::Go(steps) = on_error {
                    collect(steps, calls);
                }
            }
            CompiledAction::Branch { cases, otherwise } => {
                for (_, steps) in cases {
                    collect(steps, calls);
                }
                collect(otherwise, calls);
            }
            CompiledAction::ForEach { steps, .. } => collect(steps, calls),
            CompiledAction::Wait { .. } | CompiledAction::Set(_) | CompiledAction::Stop(_) => {}
        }
    }
}
