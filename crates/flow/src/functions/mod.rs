//! The filters and functions of expressions as data: for the manual (`docs/functions.md` is made of it), for editors, and
//! for the test that every example gives the result that stands beside it.

mod table;

use serde::Serialize;

pub use table::FUNCTIONS;

/// A filter, used as `value | name(…)`, or a function, used as `name(…)`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What belongs together.
    pub group: &'static str,
    /// How it is written; what stands in brackets may be left out.
    pub signature: &'static str,
    /// What it gives.
    pub help: &'static str,
    /// At least one.
    pub examples: &'static [Example],
}

/// An expression over [`SAMPLE`], and what it gives.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Example {
    /// The expression.
    pub expression: &'static str,
    /// Its value, in JSON.
    pub result: &'static str,
}

/// What the examples read, in JSON.
pub const SAMPLE: &str = r#"{
  "event": {
    "occurred_at": 1731109699000,
    "person": {"email": "Buyer1@Example.com", "name": "Alex van Example", "phone": "0812 3456 7890", "country": "ID"},
    "amount": {"minor": 1499, "currency": "USD"},
    "coupon": null,
    "items": [
      {"type": "product", "id": "12", "name": "Plan Pro", "amount": {"minor": 1499, "currency": "USD"}},
      {"type": "upsell", "id": "2", "name": null, "amount": {"minor": 0, "currency": "USD"}}
    ],
    "payload": {"order": {"total": "1499"}, "customer": {}, "tags": ["VIP", "Member "]}
  },
  "contact": {"first_order_at": 1728432000000, "spent": {"USD": {"minor": 50000, "currency": "USD"}}},
  "tables": {"levels": {"12": "gold", "13": "silver"}}
}"#;

#[cfg(test)]
mod tests {
    use minijinja::value::{Serde, Value};
    use serde_json::Value as Json;

    use super::*;
    use crate::expression::{Expression, explain_with_line};
    use crate::filters;

    #[test]
    fn every_example_gives_the_result_beside_it() {
        let sample: Json = serde_json::from_str(SAMPLE).unwrap();
        let root = Value::from(Serde(sample));
        for example in FUNCTIONS.iter().flat_map(|function| function.examples) {
            let source = example.expression;
            let expression = Expression::compile(source)
                .unwrap_or_else(|error| panic!("{source}: {}", explain_with_line(&error)));
            let value = expression.evaluate(&root);
            let value = value.unwrap_or_else(|fault| panic!("{source}: {fault}"));
            let result: Json = serde_json::from_str(example.result).unwrap();
            assert_eq!(serde_json::to_value(value).unwrap(), result, "{source}");
        }
    }

    #[test]
    fn every_filter_of_ours_is_documented_with_an_example_that_uses_it() {
        let ours = include_str!("../filters/mod.rs").lines().filter_map(|line| {
            let name = line.trim().strip_prefix("environment.add_filter(\"")?;
            name.split_once('"').map(|(name, _)| name)
        });
        for name in ours.filter(|name| *name != "d") {
            assert!(FUNCTIONS.iter().any(|function| function.name == name), "{name}");
        }
        for function in FUNCTIONS {
            assert!(filters::NAMES.contains(&function.name), "{}", function.name);
            let uses = |example: &Example| example.expression.contains(function.name);
            assert!(function.examples.iter().any(uses), "{}", function.name);
        }
    }

    #[test]
    fn what_belongs_together_stands_together() {
        let mut groups: Vec<&str> = FUNCTIONS.iter().map(|function| function.group).collect();
        groups.dedup();
        let mut once = groups.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(groups.len(), once.len());
    }
}
