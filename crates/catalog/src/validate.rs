//! Inputs against an operation: all faults at once.

use cartlane_model::Problems;
use serde_json::{Map, Value};

use crate::shape::{check_needs_one, unknown};
use crate::{In, Input, Operation};

impl Operation {
    /// Whether these inputs are right. A null where null is no value counts as a fault: leave the input out.
    pub fn validate(&self, inputs: &Value) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let Some(values) = inputs.as_object() else {
            problems.push("", "inputs are an object of names and values");
            return Err(problems);
        };
        for (name, value) in values {
            match self.input(name) {
                Some(input) => check(input, value, &mut problems),
                None => problems.push(name, self.why_not(name)),
            }
        }
        for input in self.inputs.iter().filter(|input| input.required) {
            if !values.contains_key(&input.name) {
                problems.push(&input.name, format!("is missing. {}", input.help));
            }
        }
        check_needs_one(&self.needs_one, values, "", &mut problems);
        problems.into_result(())
    }

    /// Why an input that this operation does not have is not there, and what to do.
    fn why_not(&self, name: &str) -> String {
        if let Some(instead) = self.refused.get(name) {
            return format!("is not an input of {}: {instead}", self.id);
        }
        if name == "locationId" {
            return "comes from the connection; leave it out".into();
        }
        unknown(name, self.inputs.iter().map(|input| input.name.as_str()))
    }

    /// The inputs as an object, checked.
    pub(crate) fn checked<'a>(&self, inputs: &'a Value) -> Result<&'a Map<String, Value>, Problems> {
        self.validate(inputs)?;
        inputs.as_object().ok_or_else(Problems::default)
    }
}

fn check(input: &Input, value: &Value, problems: &mut Problems) {
    if value.is_null() && !input.shape.nullable {
        return problems.push(&input.name, "is null; leave it out, or give it a value");
    }
    input.shape.check(value, &input.name, problems);
    let Some(text) = value.as_str().filter(|_| input.r#in == In::Path) else {
        return;
    };
    // A dot segment would be resolved by URL rules and lead to another path.
    if matches!(text.trim(), "" | "." | "..") || text.contains(char::is_control) {
        problems.push(&input.name, "is not an id");
    }
}
