//! Where the lists come from that a person chooses an input's value from.
//!
//! An input names its list (`pipelines`, `users`, `tags`…); the list is read by an operation of the catalog.
//! Lists belong to a location, change seldom, and may be kept and read anew when a person asks for it.

use std::collections::BTreeMap;

use cartlane_model::Problems;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Effect, Operation};

/// One list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSource {
    /// The operation that reads it.
    pub operation: String,
    /// Inputs of that operation.
    #[serde(default)]
    pub given: Map<String, Value>,
    /// Inputs of that operation that the person gives first: whose tasks. Whoever names the list has inputs of the same
    /// names.
    #[serde(default)]
    pub of: Vec<String>,
    /// Where the answer has the list, as JSON pointer.
    pub items: String,
    /// Where an item has a list of its own that is meant, such as a pipeline its stages.
    pub within: Option<String>,
    /// The key of an item whose value the input takes.
    pub value: String,
    /// The key of an item that people read.
    pub label: String,
    /// Another key of an item by which people name it, such as a custom field's key.
    pub key: Option<String>,
}

/// An item of a list: what the input takes, and what people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What the input takes.
    pub value: String,
    /// What people read; for an item of an item with the outer one's name before it.
    pub label: String,
    /// Another name of it, where the list has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl OptionSource {
    /// The inputs of the operation that reads the list, with those of its own that the person has `given`. A fault for
    /// each that is still to be given.
    pub fn inputs(&self, given: &Value) -> Result<Map<String, Value>, Problems> {
        let mut inputs = self.given.clone();
        let mut problems = Problems::default();
        for name in &self.of {
            match given.get(name).filter(|value| !value.is_null()) {
                Some(value) => _ = inputs.insert(name.clone(), value.clone()),
                None => problems.push(name, "give it first; what there is to choose from depends on it"),
            }
        }
        problems.into_result(inputs)
    }

    /// The choices in an answer of the operation. Items without a value are left out.
    pub fn choices(&self, answer: &Value) -> Vec<Choice> {
        let text = |item: &Value, key: &str| match item.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let choice = |item: &Value, outer: Option<&str>| {
            let value = text(item, &self.value)?;
            let label = text(item, &self.label).unwrap_or_else(|| value.clone());
            let label = outer.map_or_else(|| label.clone(), |outer| format!("{outer}: {label}"));
            let key = self.key.as_ref().and_then(|key| text(item, key));
            Some(Choice { value, label, key })
        };
        let items = answer.pointer(&self.items).map(list).unwrap_or_default();
        let Some(within) = &self.within else {
            return items.iter().filter_map(|item| choice(item, None)).collect();
        };
        let inner = items.iter().flat_map(|item| {
            let outer = text(item, &self.label);
            let inner = item.pointer(within).map(list).unwrap_or_default();
            inner
                .iter()
                .filter_map(move |item| choice(item, outer.as_deref()))
        });
        inner.collect()
    }
}

/// A list, or one thing as a list of one.
fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Notes lists that inputs name and nobody has described, and those that cannot be read.
pub(crate) fn check(
    sources: &BTreeMap<String, OptionSource>,
    operations: &[Operation],
    problems: &mut Problems,
) {
    for operation in operations {
        let named = operation
            .inputs
            .iter()
            .flat_map(|input| input.option_source.iter().chain(input.shape.lists()));
        for name in named {
            let Some(source) = sources.get(name) else {
                problems.push(
                    &operation.id,
                    format!("names a list `{name}`, which options.toml does not have"),
                );
                continue;
            };
            for input in source.of.iter().filter(|input| operation.input(input).is_none()) {
                problems.push(
                    &operation.id,
                    format!("names a list `{name}`, but has no input `{input}` that it is of"),
                );
            }
        }
    }
    for (name, source) in sources {
        let read = operations
            .iter()
            .find(|operation| operation.id == source.operation);
        let Some(read) = read.filter(|read| read.effect == Effect::Read) else {
            problems.push(
                name,
                format!("options.toml: `{}` is not a read", source.operation),
            );
            continue;
        };
        let inputs = source.given.keys().chain(&source.of);
        for input in inputs.filter(|input| read.input(input).is_none()) {
            problems.push(
                name,
                format!("options.toml: `{}` has no input `{input}`", read.id),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stages_are_chosen_under_their_pipelines_names() {
        let source = crate::Catalog::builtin().option_source("stages").expect("known");
        let answer = json!({"pipelines": [
            {"id": "p1", "name": "Sales", "stages": [{"id": "s1", "name": "New"}, {"name": "without id"}]},
            {"id": "p2", "name": "Support", "stages": [{"id": "s2"}]},
        ]});
        let choice = |value: &str, label: &str| Choice {
            value: value.into(),
            label: label.into(),
            key: None,
        };
        assert_eq!(
            source.choices(&answer),
            [choice("s1", "Sales: New"), choice("s2", "Support: s2")]
        );
    }
}
