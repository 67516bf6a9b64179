//! Inputs as people write them, brought into the form that goes over the wire before the call is made: custom fields by
//! id, key or name, dates, phones.
//!
//! Names of custom fields are looked up in the location's list, which the caller reads where
//! [`Operation::needs_fields`] says that it is needed.

use cartlane_model::Problems;
use serde_json::{Map, Value};

use crate::{Choice, Input, Operation, forms, nearest};

/// The format of an input that takes custom fields.
const FIELDS: &str = "custom_fields";

impl Operation {
    /// Whether the inputs name custom fields that only the location's list can tell: not by id, and not as `key`.
    pub fn needs_fields(&self, inputs: &Value) -> bool {
        let named = |input: &Input| match inputs.get(&input.name) {
            Some(Value::Object(fields)) => fields.keys().any(|name| !forms::is_field_id(name)),
            Some(Value::Array(items)) => items.iter().any(|item| item.get("name").is_some()),
            _ => false,
        };
        self.inputs.iter().filter(|input| is_fields(input)).any(named)
    }

    /// Whether some of those are names that could not be keys, so that without the list GHL would know none of them.
    pub fn needs_field_names(&self, inputs: &Value) -> bool {
        let is_key = |name: &str| {
            let fits =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
            name.bytes().all(fits)
        };
        let is_name = |name: &str| !forms::is_field_id(name) && !is_key(name);
        let named = |input: &Input| match inputs.get(&input.name) {
            Some(Value::Object(fields)) => fields.keys().any(|name| is_name(name)),
            Some(Value::Array(items)) => {
                let mut names = items.iter().filter_map(|item| item.get("name")?.as_str());
                names.any(is_name)
            }
            _ => false,
        };
        self.inputs.iter().filter(|input| is_fields(input)).any(named)
    }

    /// The inputs in their one form. With the location's custom fields, names and keys become ids, and what the list
    /// does not have is a fault; without, a name counts as a key.
    pub fn friendly(&self, inputs: &Value, fields: Option<&[Choice]>) -> Result<Value, Problems> {
        let Some(given) = inputs.as_object() else {
            return Ok(inputs.clone());
        };
        let mut problems = Problems::default();
        let country = forms::country(given);
        let mut plain = Map::new();
        for (name, value) in given {
            let value = match self.input(name) {
                Some(input) if is_fields(input) => {
                    let known = fields.map(|all| Known::of(&self.id, all));
                    with_ids(input, value, known.as_ref(), &mut problems)
                }
                Some(input) => forms::plain(&input.shape, value, country),
                None => value.clone(),
            };
            plain.insert(name.clone(), value);
        }
        problems.into_result(Value::Object(plain))
    }
}

/// Custom fields as the list that the shape has, by id where they are known.
fn with_ids(input: &Input, value: &Value, known: Option<&Known<'_>>, problems: &mut Problems) -> Value {
    let Value::Array(mut items) = forms::plain(&input.shape, value, None) else {
        return value.clone();
    };
    let Some(known) = known else { return items.into() };
    let written_by_name = |index: usize| match value {
        Value::Object(_) => true,
        _ => value[index].get("name").is_some(),
    };
    for (index, item) in items.iter_mut().enumerate() {
        let Some(name) = item
            .get("key")
            .and_then(Value::as_str)
            .filter(|_| written_by_name(index))
        else {
            continue;
        };
        match known.id(name) {
            Ok(id) => {
                let rest = item.as_object().into_iter().flatten();
                let rest = rest.filter(|(key, _)| *key != "key");
                let rest = rest.map(|(key, value)| (key.clone(), value.clone()));
                *item = [("id".to_owned(), id.into())].into_iter().chain(rest).collect();
            }
            Err(fault) => problems.push(format!("{}.{name}", input.name), fault),
        }
    }
    items.into()
}

fn is_fields(input: &Input) -> bool {
    input.shape.format.as_deref() == Some(FIELDS)
}

/// The custom fields of the location that an operation can mean.
struct Known<'a> {
    /// What keys of this kind of record begin with.
    prefix: &'static str,
    all: &'a [Choice],
}

impl<'a> Known<'a> {
    fn of(operation: &str, all: &'a [Choice]) -> Self {
        let prefix = if operation.starts_with("ghl.opportunities.") {
            "opportunity."
        } else {
            "contact."
        };
        Self { prefix, all }
    }

    /// The id of the field with this id, key or name.
    fn id(&self, name: &str) -> Result<String, String> {
        let same = |text: &str| text.trim().to_lowercase() == name.trim().to_lowercase();
        let is_ours = |field: &&Choice| {
            let key = field.key.as_deref();
            key.is_none_or(|key| key.starts_with(self.prefix) || !key.contains('.'))
        };
        let ours = || self.all.iter().filter(is_ours);
        let by_id_or_key = ours().find(|field| {
            let key = field.key.as_deref().unwrap_or_default();
            field.value == name || same(key) || same(key.trim_start_matches(self.prefix))
        });
        if let Some(field) = by_id_or_key {
            return Ok(field.value.clone());
        }
        let named: Vec<&Choice> = ours().filter(|field| same(&field.label)).collect();
        match named[..] {
            [one] => Ok(one.value.clone()),
            [] => {
                let known = ours().flat_map(|field| [Some(field.label.as_str()), field.key.as_deref()]);
                let meant = nearest(name, known.flatten());
                Err(match meant {
                    Some(meant) => {
                        format!("no custom field has this id, key or name; did you mean `{meant}`?")
                    }
                    None => "no custom field of the location has this id, key or name".into(),
                })
            }
            ref several => {
                let ids: Vec<&str> = several.iter().map(|field| field.value.as_str()).collect();
                Err(format!(
                    "several custom fields have this name; give an id: {}",
                    ids.join(", ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use serde_json::json;

    fn choices() -> Vec<Choice> {
        let choice = |value: &str, label: &str, key: &str| Choice {
            value: value.into(),
            label: label.into(),
            key: Some(key.into()),
        };
        vec![
            choice("aaaaaaaaaaaaaaaaaaaa", "Shoe size", "contact.shoe_size"),
            choice("bbbbbbbbbbbbbbbbbbbb", "Shoe size", "opportunity.shoe_size"),
            choice("cccccccccccccccccccc", "Colour", "contact.hair"),
            choice("dddddddddddddddddddd", "Colour", "contact.eyes"),
        ]
    }

    #[test]
    fn custom_fields_are_found_by_id_key_or_name() {
        let update = Catalog::builtin().get("ghl.contacts.update").expect("known");
        for name in [
            "shoe_size",
            "contact.shoe_size",
            "Shoe Size",
            "aaaaaaaaaaaaaaaaaaaa",
        ] {
            let inputs = json!({"contactId": "c", "customFields": {name: 44}});
            let plain = update.friendly(&inputs, Some(&choices())).expect("found");
            let expected = json!([{"id": "aaaaaaaaaaaaaaaaaaaa", "field_value": 44}]);
            assert_eq!(plain["customFields"], expected, "{name}");
        }
        let listed = json!({"customFields": [{"name": "Shoe size", "field_value": 44}, {"key": "any", "field_value": 1}]});
        assert!(update.needs_fields(&listed));
        let plain = update.friendly(&listed, Some(&choices())).expect("found");
        let expected =
            json!([{"id": "aaaaaaaaaaaaaaaaaaaa", "field_value": 44}, {"key": "any", "field_value": 1}]);
        assert_eq!(plain["customFields"], expected);
        assert!(!update.needs_fields(&json!({"customFields": {"aaaaaaaaaaaaaaaaaaaa": 1}})));
        for (fields, is_named) in [
            (json!({"Shoe size": 1}), true),
            (json!([{"name": "Größe", "field_value": 1}]), true),
            (
                json!({"shoe_size": 1, "contact.hair": 1, "aaaaaaaaaaaaaaaaaaaB": 1}),
                false,
            ),
            (
                json!([{"name": "shoe_size", "field_value": 1}, {"key": "Any", "field_value": 1}]),
                false,
            ),
        ] {
            let inputs = json!({"customFields": fields});
            assert_eq!(update.needs_field_names(&inputs), is_named, "{inputs}");
        }
    }

    #[test]
    fn an_opportunitys_fields_are_its_own() {
        let update = Catalog::builtin().get("ghl.opportunities.update").expect("known");
        let plain = update.friendly(&json!({"customFields": {"Shoe size": 1}}), Some(&choices()));
        assert_eq!(
            plain.expect("found")["customFields"][0]["id"],
            "bbbbbbbbbbbbbbbbbbbb"
        );
    }

    #[test]
    fn a_composite_takes_them_too() {
        let save = Catalog::builtin().get("ghl.contacts.save").expect("known");
        let inputs = json!({
            "email": "a@b.co", "phone": "0170 1234567", "country": "DE", "date_of_birth": "31.01.1990",
            "custom_fields": {"Shoe size": 44},
        });
        let plain = save.friendly(&inputs, Some(&choices())).expect("right");
        save.validate(&plain).expect("right");
        assert_eq!(plain["phone"], "+491701234567");
        assert_eq!(plain["date_of_birth"], "1990-01-31");
        assert_eq!(
            plain["custom_fields"],
            json!([{"id": "aaaaaaaaaaaaaaaaaaaa", "value": 44}])
        );
    }

    #[test]
    fn unknown_and_ambiguous_names_are_told_all_at_once() {
        let update = Catalog::builtin().get("ghl.contacts.update").expect("known");
        let inputs = json!({"customFields": {"Shoe sise": 1, "Colour": 2, "zzz": 3}});
        let problems = update
            .friendly(&inputs, Some(&choices()))
            .expect_err("wrong")
            .to_string();
        for told in [
            "customFields.Shoe sise: ",
            "did you mean `Shoe size`",
            "cccccccccccccccccccc, dddd",
            "customFields.zzz",
        ] {
            assert!(problems.contains(told), "{told}: {problems}");
        }
    }
}
