//! The catalog, as documents are checked against it.

use cartlane_catalog::{Catalog, Effect};
use cartlane_model::UnixMs;
use serde_json::{Map, Value};

use crate::input::has_expression;
use crate::moments;
use crate::validate::Operations;

impl Operations for Catalog {
    fn has(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    fn nearest(&self, id: &str) -> Option<String> {
        Catalog::nearest(self, id).map(str::to_owned)
    }

    fn inputs(&self, id: &str) -> Option<Vec<String>> {
        self.get(id)
            .map(|operation| operation.inputs.iter().map(|input| input.name.clone()).collect())
    }

    /// The faults that there are both with and without the inputs that hold expressions: of those nothing can be told but
    /// that they are given.
    fn input_faults(&self, id: &str, with: &Map<String, Value>) -> Vec<(String, String)> {
        let Some(operation) = self.get(id) else {
            return Vec::new();
        };
        let known = with.iter().filter(|(name, _)| operation.input(name).is_some());
        let given: Map<String, Value> = known
            .filter_map(|(name, value)| Some((name.clone(), left(value)?)))
            .collect();
        let mut literal = given.clone();
        literal.retain(|_, value| !has_expression(value));
        let faults = |inputs: Map<String, Value>| {
            let (inputs, _) = operation.without_unknown_countries(inputs.into());
            let inputs = operation.friendly(&inputs, None);
            let faults = inputs.and_then(|inputs| operation.validate(&inputs)).err();
            faults.map_or_else(Vec::new, |faults| faults.0)
        };
        let mut of_literal = faults(literal);
        let of_all = faults(given);
        of_literal.retain(|fault| of_all.contains(fault));
        of_literal
            .into_iter()
            .map(|fault| (fault.path, fault.message))
            .collect()
    }

    fn poll_faults(&self, id: &str, with: &Map<String, Value>) -> Vec<(String, String)> {
        let Some(operation) = self.get(id) else {
            return Vec::new();
        };
        let inputs = moments::filled(operation, with, UnixMs(0));
        if operation.effect_with(&inputs) != Effect::Read {
            let message = format!("`{id}` changes something; only what reads can be polled");
            return vec![(String::new(), message)];
        }
        let faults = operation.validate(&inputs).err().map(|faults| faults.0);
        let faults = faults.into_iter().flatten();
        faults.map(|fault| (fault.path, fault.message)).collect()
    }
}

/// What a value comes to before its expressions are evaluated: nothing is left out, as in a run.
fn left(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().filter_map(left).collect()),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), left(value)?)));
            Some(Value::Object(fields.collect()))
        }
        _ => Some(value.clone()),
    }
}
