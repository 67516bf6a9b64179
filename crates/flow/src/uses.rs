//! Which data an automation reads, so that only that is handed to the engine.
//!
//! A payload can be large and most automations read little of it. The same tree says which things lie *on the way* to a
//! name: `event.payload.custom.colour | default("")` must work where there is no `custom` at all, while the engine is
//! strict, so that what is missing on the way is filled with empty maps.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// Data as the engine's value.
pub(crate) fn data<T: Serialize>(data: T) -> Value {
    Value::from(Serde(data))
}

/// The names read below one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    whole: bool,
    children: BTreeMap<String, Uses>,
}

impl Uses {
    /// Notes that `path` (`payload.customer.email`) is read, with all that is below it.
    pub(crate) fn add(&mut self, path: &str) {
        let mut at = self;
        for part in path.split('.') {
            at = at.children.entry(part.to_owned()).or_default();
        }
        at.whole = true;
    }

    /// What is read of the child `name`, if anything is.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }

    /// The paths that are read below this one.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (name, uses) in &self.children {
            if uses.children.is_empty() {
                paths.push(name.clone());
            }
            paths.extend(uses.paths().into_iter().map(|path| format!("{name}.{path}")));
        }
        paths
    }

    /// Whether all of this is read, by a use of its own name: `event["kind"]`.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The part of `data` that is read, as the engine's value.
    pub(crate) fn select(&self, json: &Json) -> Value {
        match json {
            Json::Object(fields) if !self.children.is_empty() => self.select_fields(Some(fields)),
            Json::Null if !self.children.is_empty() => self.select_fields(None),
            other => data(other),
        }
    }

    fn select_fields(&self, fields: Option<&serde_json::Map<String, Json>>) -> Value {
        let mut selected: BTreeMap<&str, Value> = BTreeMap::new();
        if let (true, Some(fields)) = (self.whole, fields) {
            let all = fields.iter().map(|(name, value)| (name.as_str(), data(value)));
            selected.extend(all);
        }
        for (name, uses) in &self.children {
            let value = match fields.and_then(|fields| fields.get(name)) {
                Some(value) => uses.select(value),
                None if uses.children.is_empty() => continue,
                None => uses.select_fields(None),
            };
            selected.insert(name, value);
        }
        Value::from_pairs(selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_is_handed_over_and_the_way_to_it_is_filled() {
        let mut uses = Uses::default();
        uses.add("customer.custom.colour");
        uses.add("coupon");
        let data = serde_json::json!({"customer": {"custom": null, "name": "Alex"}, "big": [1, 2, 3]});
        let selected = serde_json::to_value(uses.select(&data)).unwrap();
        assert_eq!(selected, serde_json::json!({"customer": {"custom": {}}}));
    }
}
