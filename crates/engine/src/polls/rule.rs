//! How one poll goes about it: the catalog's rule, and for reads that have none the plainest one.

use cartlane_catalog::{Operation, Order, Poll};
use cartlane_model::UnixMs;
use serde_json::{Map, Value as Json};

/// How much of what was seen already is read again. Indexes lag behind by seconds, and clocks differ; what shows up later
/// than this is missed.
pub(super) const OVERLAP_MS: i64 = 10 * 60_000;

/// How a poll goes about it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The key that identifies an item; `None` where its whole content does.
    pub id: Option<String>,
    /// The key whose value tells that an item has changed; `None` where its content is compared.
    pub changed: Option<String>,
    /// How much of the list is read.
    pub extent: Extent,
    since: Option<Json>,
}

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What has changed since a moment, which the other side picks out.
    Since,
    /// From the latest change down to a moment.
    DownTo,
}

impl Rule {
    /// The rule for an operation with these inputs.
    pub fn of(operation: &Operation, inputs: &Map<String, Json>) -> Self {
        let Some(rule) = &operation.poll else {
            let id = Some("id".to_owned());
            return Self {
                id,
                changed: None,
                extent: Extent::Whole,
                since: None,
            };
        };
        let is_sorted_otherwise = inputs.keys().any(|name| name.starts_with("sort"));
        let extent = match rule.order {
            Order::Cursor if rule.since.is_some() => Extent::Since,
            // Where the order is not that of the changes, one may stand anywhere.
            Order::NewestFirst if tells_when(rule) && !is_sorted_otherwise => Extent::DownTo,
            _ => Extent::Whole,
        };
        Self {
            id: rule.id.clone(),
            changed: rule.changed.clone(),
            extent,
            since: rule.since.clone(),
        }
    }

    /// The inputs, narrowed to what has changed since `since`.
    pub fn inputs(&self, inputs: Json, since: UnixMs) -> Json {
        let (Json::Object(mut inputs), Extent::Since, Some(Json::Object(narrow))) =
            (inputs.clone(), self.extent, &self.since)
        else {
            return inputs;
        };
        for (name, value) in narrow {
            let value = with_since(value, since);
            match (inputs.get_mut(name), value) {
                // Filters hold together with those that were given.
                (Some(Json::Array(given)), Json::Array(more)) if name != "sort" => given.extend(more),
                (_, value) => {
                    inputs.insert(name.clone(), value);
                }
            }
        }
        Json::Object(inputs)
    }
}

/// Whether what tells of a change is a moment, by its name.
fn tells_when(rule: &Poll) -> bool {
    let name = rule.changed.as_deref().unwrap_or_default().to_lowercase();
    name.contains("date") || name.contains("time") || name.ends_with("at")
}

fn with_since(value: &Json, since: UnixMs) -> Json {
    match value {
        Json::String(text) => text.replace("{since}", &since.to_string()).into(),
        Json::Array(items) => items.iter().map(|item| with_since(item, since)).collect(),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), with_since(value, since)));
            Json::Object(fields.collect())
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartlane_catalog::Catalog;
    use serde_json::json;

    fn rule(id: &str, inputs: &Json) -> Rule {
        let operation = Catalog::builtin().get(id).expect("an operation");
        Rule::of(operation, inputs.as_object().expect("inputs"))
    }

    #[test]
    fn a_search_is_narrowed_beside_the_filters_that_were_given() {
        let given =
            json!({"filters": [{"field": "tags", "operator": "contains", "value": "vip"}], "sort": "x"});
        let rule = rule("ghl.contacts.search", &given);
        let inputs = rule.inputs(given, UnixMs(0));
        assert_eq!(inputs["filters"][0]["field"], "tags");
        assert_eq!(inputs["filters"][1]["value"]["gte"], "1970-01-01T00:00:00.000Z");
        assert_eq!(
            inputs["sort"],
            json!([{"field": "dateUpdated", "direction": "asc"}])
        );
    }

    #[test]
    fn only_where_the_order_is_that_of_the_changes_reading_stops_early() {
        assert_eq!(
            rule("ghl.conversations.search", &json!({})).extent,
            Extent::DownTo
        );
        assert_eq!(
            rule("ghl.conversations.search", &json!({"sort": "asc"})).extent,
            Extent::Whole
        );
        assert_eq!(
            rule("ghl.conversations.list_messages", &json!({})).extent,
            Extent::Whole
        );
        assert_eq!(rule("ghl.contacts.search", &json!({})).extent, Extent::Since);
        assert_eq!(
            rule("thrivecart.transactions.list", &json!({})).extent,
            Extent::DownTo
        );
        assert_eq!(rule("ghl.opportunities.search", &json!({})).extent, Extent::Whole);
    }
}
