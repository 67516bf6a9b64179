//! Inputs against an operation: all faults at once.

use cartlane_model::Problems;
use serde_json::{Map, Value};

use crate::shape::{check_needs_one, unknown};
use crate::{In, Input, Operation, Run, Shape, Type, forms, raw};

impl Operation {
    /// Whether these inputs are right. A null where null is no value counts as a fault: leave the input out.
    ///
    /// No inputs are right for an operation that this version cannot do.
    pub fn validate(&self, inputs: &Value) -> Result<(), Problems> {
        if let Some(why) = &self.unusable {
            let mut problems = Problems::default();
            problems.push("", format!("{} cannot be used: {why}", self.id));
            return Err(problems);
        }
        self.faults(inputs).into_result(())
    }

    /// All that is wrong with the inputs.
    pub(crate) fn faults(&self, inputs: &Value) -> Problems {
        let mut problems = Problems::default();
        let Some(values) = inputs.as_object() else {
            problems.push("", "inputs are an object of names and values");
            return problems;
        };
        let country = forms::country(values);
        let mut plain = Map::new();
        for (name, value) in values {
            let Some(input) = self.input(name) else {
                problems.push(name, self.why_not(name));
                continue;
            };
            let value = forms::plain(&input.shape, value, country);
            check(input, &value, &mut problems);
            plain.insert(name.clone(), value);
        }
        let must_be_given = |input: &&Input| input.required && !input.is_of_connection();
        for input in self.inputs.iter().filter(must_be_given) {
            if !values.contains_key(&input.name) {
                problems.push(&input.name, format!("is missing. {}", input.help));
            }
        }
        check_needs_one((&self.needs_one, self.takes_one), values, "", &mut problems);
        for input in self
            .inputs
            .iter()
            .filter(|input| !values.contains_key(&input.name))
        {
            let default = input.default.clone();
            plain.extend(default.map(|value| (input.name.clone(), value)));
        }
        for rule in &self.rules {
            rule.check(&plain, &mut problems);
        }
        if matches!(self.run, Run::Raw) {
            raw::check(values, &mut problems);
        }
        problems
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
    match (input.r#in, value) {
        // There everything is text on the wire, and templates give text for numbers.
        (In::Path | In::Query, Value::Number(_) | Value::Bool(_) | Value::String(_)) => {
            input
                .shape
                .check(&as_meant(&input.shape, value), &input.name, problems);
        }
        _ => input.shape.check(value, &input.name, problems),
    }
    let Some(text) = value.as_str().filter(|_| input.r#in == In::Path) else {
        return;
    };
    // A dot segment would be resolved by URL rules and lead to another path.
    if matches!(text.trim(), "" | "." | "..") || text.contains(char::is_control) {
        problems.push(&input.name, "is not an id");
    }
}

/// A single value as the type that the shape has, where it reads as one.
fn as_meant(shape: &Shape, value: &Value) -> Value {
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let read = || serde_json::from_str(text().trim()).ok();
    match shape.kind() {
        Type::String => Value::from(text()),
        Type::Number | Type::Integer => read().filter(Value::is_number).unwrap_or_else(|| value.clone()),
        Type::Boolean => read().filter(Value::is_boolean).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}
