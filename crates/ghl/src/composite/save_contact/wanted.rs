//! What is wanted of a contact: the given fields, and which of them a call has to send.

use cartlane_model::contact::email_key;
use serde_json::{Map, Value, json};

use crate::compare;
use crate::composite::text;
use crate::contact::{FIELDS, is_empty};

/// The step's inputs, less what turned out to be impossible.
pub(super) struct Wanted<'a> {
    inputs: &'a Value,
    pub email: &'a str,
    /// Fields (GHL's names) that are left out from now on.
    pub left_out: Vec<&'static str>,
}

impl<'a> Wanted<'a> {
    pub fn new(inputs: &'a Value, email: &'a str) -> Self {
        Self {
            inputs,
            email,
            left_out: Vec::new(),
        }
    }

    /// The given text of a field, by its name in automations.
    pub fn given(&self, ours: &str) -> Option<&'a str> {
        text(self.inputs, ours)
    }

    /// Whether a call could send this field (GHL's name).
    pub fn sends(&self, ghl: &str) -> bool {
        self.fields().contains_key(ghl)
    }

    /// The e-mails to look for, in order.
    pub fn candidates(&self) -> Vec<&'a str> {
        let previous = text(self.inputs, "previous_email");
        let is_other = |previous: &&str| email_key(previous) != email_key(self.email);
        previous
            .filter(is_other)
            .into_iter()
            .chain([self.email])
            .collect()
    }

    /// The given fields that are only set where the contact has none.
    pub fn if_empty(&self) -> impl Iterator<Item = &'static str> {
        FIELDS
            .iter()
            .map(|(ours, _)| *ours)
            .filter(|ours| text(self.inputs, ours).is_some() && self.is_if_empty(ours))
    }

    fn is_if_empty(&self, ours: &str) -> bool {
        let names = self.inputs.get("if_empty").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|name| name == ours))
    }

    /// GHL takes a company only when it creates a contact.
    pub fn company_warning(&self, contact: &Value) -> Option<String> {
        let wanted = text(self.inputs, "company")?;
        let has = contact.get("companyName");
        let is_filled = has.is_some_and(|has| !is_empty(has));
        let is_same = has.is_some_and(|has| compare::same("companyName", &json!(wanted), has));
        let is_only_id = contact.as_object().is_some_and(|fields| fields.len() == 1);
        let is_right = is_same || is_only_id || is_filled && self.is_if_empty("company");
        (!is_right)
            .then(|| format!("company `{wanted}` was not set: GHL takes it only when a contact is created"))
    }

    /// All given fields in GHL's names, less those left out.
    pub fn fields(&self) -> Map<String, Value> {
        let offered = FIELDS.iter().filter(|(_, ghl)| !self.left_out.contains(ghl));
        let mut fields: Map<String, Value> = offered
            .filter_map(|(ours, ghl)| Some(((*ghl).to_owned(), Value::from(text(self.inputs, ours)?))))
            .collect();
        let custom = self
            .inputs
            .get("custom_fields")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty());
        if let Some(custom) = custom.filter(|_| !self.left_out.contains(&"customFields")) {
            fields.insert("customFields".into(), custom.iter().map(custom_field).collect());
        }
        fields
    }

    /// The fields that an update has to send. Of a contact that was not read, if-empty fields are known to be filled.
    pub fn changes(&self, contact: Option<&Value>) -> Map<String, Value> {
        let mut fields = self.fields();
        fields.shift_remove("companyName");
        for (ours, ghl) in FIELDS {
            let has = contact
                .and_then(|contact| contact.get(*ghl))
                .filter(|has| !is_empty(has));
            let is_kept = self.is_if_empty(ours) && (contact.is_none() || has.is_some());
            let is_there = || {
                fields
                    .get(*ghl)
                    .is_some_and(|wanted| has.is_some_and(|has| compare::same(ghl, wanted, has)))
            };
            if is_kept || is_there() {
                fields.shift_remove(*ghl);
            }
        }
        if let (Some(Value::Array(custom)), Some(contact)) = (fields.get_mut("customFields"), contact) {
            custom.retain(|field| !compare::has_custom_field(field, contact));
        }
        if fields
            .get("customFields")
            .is_some_and(|custom| custom.as_array().is_some_and(Vec::is_empty))
        {
            fields.shift_remove("customFields");
        }
        fields
    }
}

/// `{id, key, value}` as GHL writes it: `{id, key, field_value}`.
fn custom_field(field: &Value) -> Value {
    let given = |name: &str| field.get(name).filter(|value| !value.is_null()).cloned();
    let parts = [
        ("id", given("id")),
        ("key", given("key")),
        ("field_value", given("value")),
    ];
    Value::Object(
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
    )
}
