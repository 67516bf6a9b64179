//! Contacts: what one is, how it reads, and the operations on it.

mod duplicates;
mod read;
mod write;

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};

use crate::settings::Location;
use crate::store::phone_key;

pub(crate) use read::{find_duplicate, get, list, mentions};
pub(crate) use write::{create, delete, update, upsert};

/// A contact of one location.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) id: String,
    pub(crate) location_id: String,
    /// Plain fields under GHL's own names; null and empty ones aren't kept.
    pub(crate) fields: Map<String, Value>,
    /// As first spelled; compared without case.
    pub(crate) tags: Vec<String>,
    /// By field id.
    pub(crate) custom_fields: Vec<(String, Value)>,
    pub(crate) additional_emails: Vec<String>,
    /// Ids of the workflows that it is in; search knows them, reads don't show them.
    pub(crate) active_workflows: Vec<String>,
    /// Ids of those that it has been through.
    pub(crate) finished_workflows: Vec<String>,
    /// Ids of the campaigns that it is in; only a search of opportunities knows them.
    pub(crate) campaigns: Vec<String>,
    pub(crate) added_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

impl Contact {
    pub(crate) fn new(id: String, location_id: &str, now: UnixMs) -> Self {
        Self {
            id,
            location_id: location_id.to_owned(),
            fields: Map::new(),
            tags: Vec::new(),
            custom_fields: Vec::new(),
            additional_emails: Vec::new(),
            active_workflows: Vec::new(),
            finished_workflows: Vec::new(),
            campaigns: Vec::new(),
            added_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    pub(crate) fn email(&self) -> Option<&str> {
        self.text("email")
    }

    pub(crate) fn phone(&self) -> Option<&str> {
        self.text("phone")
    }

    /// Own and additional e-mails in lower case, each once.
    pub(crate) fn all_emails(&self) -> Vec<String> {
        let own = self.email().into_iter();
        let all = own.chain(self.additional_emails.iter().map(String::as_str));
        let mut emails: Vec<String> = all.map(str::to_lowercase).collect();
        emails.sort_unstable();
        emails.dedup();
        emails
    }

    /// First and last name.
    pub(crate) fn name(&self) -> String {
        let parts = [self.text("firstName"), self.text("lastName")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Lays the properties of a body over the contact: null and empty text clear a field, `tags` replaces the whole
    /// list, custom fields are set one by one, a `name` alone is split. Answers what was written, for the log.
    pub(crate) fn apply(&mut self, body: &Map<String, Value>, location: &Location) -> Value {
        let mut written = Map::new();
        let before = self.tags.clone();
        for (key, value) in body {
            match (key.as_str(), value) {
                ("locationId" | "createNewIfDuplicateAllowed", _) => continue,
                ("tags", Value::Array(tags)) => self.tags = distinct(tags.iter().filter_map(Value::as_str)),
                ("customFields", Value::Array(fields)) => self.apply_custom_fields(fields, location),
                ("name", value) => self.apply_name(value, body),
                ("phone", Value::String(phone)) => self.set("phone", json!(stored_phone(phone))),
                ("dateOfBirth", Value::String(date)) => self.set("dateOfBirth", json!(stored_date(date))),
                (key, value) => self.set(key, value.clone()),
            }
            written.insert(key.clone(), value.clone());
        }
        if written.contains_key("tags") {
            written.insert("tags_before".to_owned(), json!(before));
        }
        Value::Object(written)
    }

    fn set(&mut self, field: &str, value: Value) {
        if value.is_null() || value.as_str() == Some("") {
            self.fields.shift_remove(field);
        } else {
            self.fields.insert(field.to_owned(), value);
        }
    }

    fn apply_name(&mut self, name: &Value, body: &Map<String, Value>) {
        if body.contains_key("firstName") || body.contains_key("lastName") {
            return;
        }
        let name = name.as_str().unwrap_or_default().trim();
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        self.set("firstName", json!(first));
        self.set("lastName", json!(last.trim_start()));
    }

    fn apply_custom_fields(&mut self, fields: &[Value], location: &Location) {
        for field in fields {
            let value = field.get("field_value").cloned().unwrap_or_default();
            let Some(id) = custom_field_id(field, location) else {
                continue;
            };
            self.custom_fields.retain(|(other, _)| *other != id);
            if !value.is_null() && value != json!("") {
                self.custom_fields.push((id, value));
            }
        }
    }

    /// The contact as GHL's reads give it.
    pub(crate) fn view(&self) -> Map<String, Value> {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        view.insert("locationId".to_owned(), json!(self.location_id));
        let name = self.name();
        if !name.is_empty() {
            view.insert("name".to_owned(), json!(name));
            view.insert("fullNameLowerCase".to_owned(), json!(name.to_lowercase()));
        }
        view.extend(self.fields.clone());
        for (field, lower) in [
            ("firstName", "firstNameLowerCase"),
            ("lastName", "lastNameLowerCase"),
            ("email", "emailLowerCase"),
        ] {
            if let Some(text) = self.text(field) {
                view.insert(lower.to_owned(), json!(text.to_lowercase()));
            }
        }
        view.entry("dnd").or_insert(json!(false));
        view.insert("type".to_owned(), json!("lead"));
        view.insert("tags".to_owned(), json!(self.tags));
        let custom_fields = self.custom_fields.iter();
        let custom_fields = custom_fields.map(|(id, value)| json!({"id": id, "value": value}));
        view.insert("customFields".to_owned(), custom_fields.collect());
        if !self.additional_emails.is_empty() {
            view.insert("additionalEmails".to_owned(), json!(self.additional_emails));
        }
        view.insert("dateAdded".to_owned(), json!(self.added_at.to_string()));
        view.insert("dateUpdated".to_owned(), json!(self.updated_at.to_string()));
        view
    }
}

fn custom_field_id(field: &Value, location: &Location) -> Option<String> {
    if let Some(id) = field.get("id").and_then(Value::as_str) {
        return Some(id.to_owned());
    }
    let key = field.get("key").and_then(Value::as_str)?;
    let key = key.strip_prefix("contact.").unwrap_or(key);
    let defined = location.custom_fields.iter().find(|defined| defined.key == key)?;
    Some(defined.id.clone())
}

/// An international number loses its punctuation; what GHL makes of any other is unknown, so it stays.
fn stored_phone(phone: &str) -> String {
    if phone.trim_start().starts_with('+') {
        phone_key(phone)
    } else {
        phone.to_owned()
    }
}

/// The documented date forms become `YYYY-MM-DD`; anything else stays.
fn stored_date(date: &str) -> String {
    let parts: Vec<&str> = date.split(['-', '/', '.', '_']).collect();
    match parts[..] {
        [year, month, day] if year.len() == 4 => format!("{year}-{month}-{day}"),
        [month, day, year] if year.len() == 4 => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

/// Equal without case.
pub(crate) fn same_text(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The tags without repetitions, compared without case.
pub(crate) fn distinct<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        if !kept.iter().any(|other| same_text(other, tag)) {
            kept.push(tag.to_owned());
        }
    }
    kept
}
