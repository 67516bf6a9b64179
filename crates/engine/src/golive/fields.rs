//! The custom fields that a document writes: whether they are there, and take what is written.

use std::collections::BTreeSet;

use cartlane_catalog::Catalog;
use cartlane_flow::names::nearest;
use serde_json::{Value as Json, json};

use super::mapping::Called;
use super::{Finding, place};
use crate::Handle;
use crate::connections::CUSTOM_FIELDS;
use crate::directory::Target;
use crate::plan::UNKNOWN;

/// A value for a custom field, as a step writes it.
struct Written {
    at: String,
    /// Whether it is of an opportunity.
    is_opportunity: bool,
    /// By name, key or id.
    name: String,
    value: Json,
}

impl Handle {
    /// Which custom fields the location does not have, and which values they do not take.
    pub(super) async fn check_fields(&self, target: &Target, calls: &[&Called]) -> Vec<Finding> {
        let mut written = Vec::new();
        for call in calls {
            collect(call, &mut written);
        }
        if written.is_empty() {
            return Vec::new();
        }
        let asked = self
            .executor()
            .call(&target.name, CUSTOM_FIELDS, &json!({"model": "all"}))
            .await;
        let fields = match asked {
            Ok(output) => output.value["customFields"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            Err(error) => {
                let message = format!(
                    "the custom fields of `{}` could not be read: {error}",
                    target.name
                );
                let advice = "whether they are there was not checked";
                return vec![match error.code() {
                    "ghl.missing_scope" | "ghl.forbidden" => Finding::warning(None, message, advice),
                    _ => Finding::error(None, message, advice),
                }];
            }
        };
        let found = written.iter().filter_map(|written| match find(&fields, written) {
            Some(field) => misfit(field, written),
            None => Some(missing(&fields, written)),
        });
        found.collect()
    }
}

fn collect(call: &Called, written: &mut Vec<Written>) {
    let Some(operation) = Catalog::builtin().get(&call.operation) else {
        return;
    };
    let is_fields = |format: &Option<String>| format.as_deref() == Some("custom_fields");
    for input in operation
        .inputs
        .iter()
        .filter(|input| is_fields(&input.shape.format))
    {
        let mut add = |name: &str, value: &Json| {
            written.push(Written {
                at: place(&call.step, &format!("{}.{name}", input.name), call.row),
                is_opportunity: operation.id.starts_with("ghl.opportunities."),
                name: name.to_owned(),
                value: value.clone(),
            });
        };
        match &call.inputs[&input.name] {
            Json::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
            Json::Array(items) => {
                for item in items {
                    let name = ["name", "key", "id"].iter().find_map(|key| item[*key].as_str());
                    let value = item.get("value").or(item.get("field_value"));
                    if let (Some(name), Some(value)) = (name, value) {
                        add(name, value);
                    }
                }
            }
            _ => {}
        }
    }
}

fn find<'f>(fields: &'f [Json], written: &Written) -> Option<&'f Json> {
    let prefix = if written.is_opportunity {
        "opportunity."
    } else {
        "contact."
    };
    let same = |text: &Json| {
        let text = text.as_str().unwrap_or_default().trim();
        text.eq_ignore_ascii_case(written.name.trim())
    };
    let is_ours = |field: &&Json| {
        field["fieldKey"]
            .as_str()
            .is_none_or(|key| key.starts_with(prefix))
    };
    fields.iter().filter(is_ours).find(|field| {
        let key = field["fieldKey"].as_str().unwrap_or_default();
        let short = key.trim_start_matches(prefix);
        field["id"] == *written.name
            || same(&field["name"])
            || same(&field["fieldKey"])
            || same(&short.into())
    })
}

fn missing(fields: &[Json], written: &Written) -> Finding {
    let names = fields.iter().filter_map(|field| field["name"].as_str());
    let near = nearest(&written.name, names).map(|near| format!("did you mean `{near}`? Otherwise "));
    Finding::error(
        written.at.clone(),
        format!("there is no custom field `{}`", written.name),
        format!("{}make it in GoHighLevel", near.unwrap_or_default()),
    )
}

/// Where a value is none that the field takes.
fn misfit(field: &Json, written: &Written) -> Option<Finding> {
    let texts = texts(&written.value)?;
    let kind = field["dataType"].as_str().unwrap_or_default();
    let options = options(field);
    let wanted = match kind {
        "NUMERICAL" | "MONETORY" => {
            let is_number = |text: &String| text.trim().parse::<f64>().is_ok();
            (!texts.iter().all(is_number)).then(|| "a number".to_owned())
        }
        "DATE" => {
            let is_date = |text: &String| {
                let day = text.get(..10).unwrap_or(text);
                day.parse::<jiff::civil::Date>().is_ok()
            };
            (!texts.iter().all(is_date)).then(|| "a date, YYYY-MM-DD".to_owned())
        }
        "SINGLE_OPTIONS" | "RADIO" | "MULTIPLE_OPTIONS" | "CHECKBOX" if !options.is_empty() => {
            let is_option = |text: &String| options.contains(text);
            let options = || options.iter().cloned().collect::<Vec<_>>().join(", ");
            (!texts.iter().all(is_option)).then(|| format!("one of {}", options()))
        }
        _ => None,
    }?;
    Some(Finding::error(
        written.at.clone(),
        format!(
            "the custom field `{}` takes {wanted}, and gets {}",
            written.name, written.value
        ),
        "GoHighLevel drops other values without a word: change the expression or the field",
    ))
}

/// The texts of a value; `None` where it is not known before the run, or empties the field.
fn texts(value: &Json) -> Option<Vec<String>> {
    let values = match value {
        Json::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    };
    let texts: Vec<String> = values.iter().map(text).collect();
    let is_open = |text: &String| {
        text.is_empty()
            || text == "null"
            || text.contains(UNKNOWN)
            || text.contains("{{")
            || text.contains("{%")
    };
    (!texts.iter().any(is_open)).then_some(texts)
}

/// The values of a field that is chosen from a list: texts, or things with a name.
fn options(field: &Json) -> BTreeSet<String> {
    let listed = ["picklistOptions", "options"]
        .iter()
        .find_map(|name| field[*name].as_array());
    let text = |option: &Json| {
        let named = ["key", "name", "label", "value"]
            .iter()
            .find_map(|name| option[*name].as_str());
        option.as_str().or(named).map(str::to_owned)
    };
    listed.into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: Json) -> Written {
        Written {
            at: "steps.contact.with.custom_fields".into(),
            is_opportunity: false,
            name: name.into(),
            value,
        }
    }

    #[test]
    fn values_are_held_against_the_fields_type_and_its_list() {
        let size = json!({"id": "f1", "name": "Size", "fieldKey": "contact.size", "dataType": "NUMERICAL"});
        let colour = json!({"id": "f2", "name": "Colour", "fieldKey": "contact.colour", "dataType": "RADIO",
                            "picklistOptions": ["Red", "Blue"]});
        let day = json!({"id": "f3", "name": "Day", "fieldKey": "contact.day", "dataType": "DATE"});
        for (field, value, fits) in [
            (&size, json!("44.5"), true),
            (&size, json!("large"), false),
            (&size, json!("{{ event.amount }}"), true),
            (&size, json!("(unknown)"), true),
            (&colour, json!("Red"), true),
            (&colour, json!("red"), false),
            (&colour, json!(["Red", "Green"]), false),
            (&day, json!("2026-01-31"), true),
            (&day, json!("31 January"), false),
        ] {
            let found = misfit(field, &written("f", value.clone()));
            assert_eq!(found.is_none(), fits, "{value}: {found:?}");
        }
    }

    #[test]
    fn fields_are_found_by_name_key_or_id_and_the_nearest_is_told() {
        let fields = [json!({"id": "f1", "name": "Shoe size", "fieldKey": "contact.shoe_size"})];
        for name in ["f1", "shoe size", "contact.shoe_size", "shoe_size"] {
            assert!(find(&fields, &written(name, json!(1))).is_some(), "{name}");
        }
        let finding = missing(&fields, &written("Shoe sise", json!(1)));
        assert_eq!(
            finding.advice,
            "did you mean `Shoe size`? Otherwise make it in GoHighLevel"
        );
    }
}
