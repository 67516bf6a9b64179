//! What values an input takes: type, format, choices, nesting.

use cartlane_model::{FileId, Problems};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{countries, filters, forms, nearest, times, uploads};

/// So much of a wrong text is shown.
const SHOWN_LETTERS: usize = 80;
/// So many of the allowed words are shown.
const SHOWN_CHOICES: usize = 12;

/// The values that an input, a field of it, or an item of it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub struct Shape {
    /// The field's name; empty for the items of a list.
    pub name: String,
    /// Whether the field must be there.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// The JSON type.
    pub r#type: Type,
    /// The type of the vendor's own example, where its file says object and shows a single value. It counts.
    #[serde(skip_serializing)]
    pub example_is: Option<Type>,
    /// `email`, `date` (YYYY-MM-DD), `phone` (E.164), `country` (ISO 3166-1 alpha-2), `base64`, `file_id`, `time`, `time_ms`, `time_s`,
    /// `date_us`, `id_list` and `filters` are checked; `custom_fields` is only brought into form; `file` is an object as
    /// [`crate::uploads`] says. Others mean nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The only values allowed; empty for no such rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#enum: Vec<String>,
    /// The largest number; where numbers are written as texts, the largest of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// How many characters a text has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// How many items a list has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<usize>,
    /// Whether an empty text is a value, whatever the format.
    #[serde(skip_serializing_if = "is_false")]
    pub blank: bool,
    /// Whether null is a value, which empties the field.
    #[serde(skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// What the items of a list are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Shape>>,
    /// The fields of an object; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Shape>,
    /// At least one of these fields must be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_one: Vec<String>,
    /// Only one of those may be.
    #[serde(skip_serializing_if = "is_false")]
    pub takes_one: bool,
    /// The value must fit one of these; empty for no such rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Shape>,
    /// What it means; only composites' inputs and fields within inputs say it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The list that a person chooses from; only composites' inputs and fields within inputs say it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_source: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// A JSON type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Any value.
    #[default]
    Any,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Array => "a list",
            Self::Object => "an object",
        }
    }
}

fn phrase_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => Type::Boolean.phrase(),
        Value::Number(_) => Type::Number.phrase(),
        Value::String(_) => Type::String.phrase(),
        Value::Array(_) => Type::Array.phrase(),
        Value::Object(_) => Type::Object.phrase(),
    }
}

impl Shape {
    /// The JSON type that counts.
    pub fn kind(&self) -> Type {
        self.example_is.unwrap_or(self.r#type)
    }

    /// The lists that values within it are chosen from.
    pub(crate) fn lists(&self) -> Vec<&String> {
        let inner = self.items.iter().map(AsRef::as_ref).chain(&self.fields);
        let inner = inner.flat_map(Self::lists);
        self.option_source.iter().chain(inner).collect()
    }

    /// The values that it takes, in a few words: `text`, `list of time`, `open, won, lost`.
    pub fn takes_in_words(&self) -> String {
        if !self.r#enum.is_empty() {
            let more = if self.r#enum.len() > SHOWN_CHOICES {
                ", …"
            } else {
                ""
            };
            let shown = &self.r#enum[..self.r#enum.len().min(SHOWN_CHOICES)];
            return format!("{}{more}", shown.join(", "));
        }
        let items = || {
            let items = self.items.as_ref();
            items.map_or("anything".to_owned(), |items| items.takes_in_words())
        };
        let kind = match (self.written_as(), self.kind()) {
            (Some(form), _) => form.to_owned(),
            (None, kind) => match kind {
                Type::Any => "anything".to_owned(),
                Type::String => "text".into(),
                Type::Integer => "whole number".into(),
                Type::Number => "number".into(),
                Type::Boolean => "true or false".into(),
                Type::Array => format!("list of {}", items()),
                Type::Object => "object".into(),
            },
        };
        if self.nullable {
            format!("{kind} or null")
        } else {
            kind
        }
    }

    /// How people may write a single value, in a word: `email`, `time`, `date`; `None` where nothing is said of it.
    pub fn written_as(&self) -> Option<&str> {
        match self.format.as_deref() {
            Some("time" | "time_ms" | "time_s") => Some("time"),
            Some("date_us") => Some("date"),
            Some(uploads::FILE) => Some("file"),
            Some(format) if self.kind() == Type::String => Some(format),
            _ => None,
        }
    }

    /// Notes everything that is wrong with `value`, which stands at `path`.
    pub fn check(&self, value: &Value, path: &str, problems: &mut Problems) {
        if value.is_null() && self.nullable {
            return;
        }
        if !self.kind().fits(value) {
            return problems.push(path, self.type_fault(value));
        }
        if !self.any_of.is_empty() && !self.any_of.iter().any(|shape| shape.takes(value)) {
            problems.push(path, "has none of the forms that are allowed here");
        }
        self.check_size(value, path, problems);
        match value {
            Value::String(text) => self.check_text(text, path, problems),
            Value::Array(values) if self.format.as_deref() == Some(filters::FILTERS) => {
                for (index, condition) in values.iter().enumerate() {
                    filters::check(condition, &format!("{path}[{index}]"), problems);
                }
            }
            Value::Array(values) => {
                for (index, item) in values.iter().enumerate() {
                    if let Some(shape) = &self.items {
                        shape.check(item, &format!("{path}[{index}]"), problems);
                    }
                }
            }
            Value::Object(values) => self.check_fields(values, path, problems),
            _ => {}
        }
    }

    /// Notes a number, a text or a list beyond its limit.
    fn check_size(&self, value: &Value, path: &str, problems: &mut Problems) {
        let beyond = |count: usize, most: Option<usize>| most.is_some_and(|most| count > most);
        let number = || value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        #[expect(clippy::cast_precision_loss, reason = "limits are small")]
        if let Some(max) = self.max
            && number().is_some_and(|number| number > max as f64)
        {
            problems.push(path, format!("is more than {max}"));
        }
        match value {
            Value::String(text) if beyond(text.chars().count(), self.max_length) => {
                let most = self.max_length.unwrap_or_default();
                problems.push(path, format!("is longer than {most} characters"));
            }
            Value::Array(items) if beyond(items.len(), self.max_items) => {
                let most = self.max_items.unwrap_or_default();
                problems.push(path, format!("has {} items, {most} at most", items.len()));
            }
            _ => {}
        }
    }

    fn type_fault(&self, value: &Value) -> String {
        if let (Some(text), Some(format)) = (value.as_str(), &self.format)
            && let Some(expected) = times::fault(format, text)
        {
            return format!("`{text}` is not {expected}");
        }
        format!("is {}, must be {}", phrase_of(value), self.kind().phrase())
    }

    /// Whether the value fits.
    pub fn takes(&self, value: &Value) -> bool {
        let mut problems = Problems::default();
        self.check(value, "", &mut problems);
        problems.0.is_empty()
    }

    fn check_text(&self, text: &str, path: &str, problems: &mut Problems) {
        if !self.r#enum.is_empty() && !self.r#enum.iter().any(|choice| choice == text) {
            let choices = self.r#enum.join(", ");
            problems.push(path, format!("`{text}` is none of: {choices}"));
        }
        let expected = self
            .format
            .as_deref()
            .filter(|_| !(self.blank && text.is_empty()))
            .and_then(|format| format_fault(format, text));
        if let Some(expected) = expected {
            problems.push(path, format!("`{}` is not {expected}", shortened(text)));
        }
    }

    fn check_fields(&self, values: &serde_json::Map<String, Value>, path: &str, problems: &mut Problems) {
        if self.fields.is_empty() {
            return;
        }
        let names = || self.fields.iter().map(|field| field.name.as_str());
        for (name, value) in values {
            let at = format!("{path}.{name}");
            match self.fields.iter().find(|field| field.name == *name) {
                Some(field) => field.check(value, &at, problems),
                None => problems.push(at, unknown(name, names())),
            }
        }
        for field in self.fields.iter().filter(|field| field.required) {
            if values.get(&field.name).is_none() {
                problems.push(format!("{path}.{}", field.name), "is missing");
            }
        }
        check_needs_one((&self.needs_one, self.takes_one), values, path, problems);
    }
}

/// As much of a text as a message has room for.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Notes where none of `names` has a value in `values`, and where several have but only one may.
pub(crate) fn check_needs_one(
    (names, takes_one): (&[String], bool),
    values: &serde_json::Map<String, Value>,
    path: &str,
    problems: &mut Problems,
) {
    let given = |name: &&String| values.get(*name).is_some_and(|value| !value.is_null());
    let count = names.iter().filter(given).count();
    if !names.is_empty() && count == 0 {
        problems.push(path, format!("needs at least one of: {}", names.join(", ")));
    }
    if takes_one && count > 1 {
        problems.push(path, format!("takes only one of: {}", names.join(", ")));
    }
}

/// The fault of a name that is not known here.
pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(meant) => format!("is not known here; did you mean `{meant}`?"),
        None => "is not known here; leave it out".into(),
    }
}

/// What `text` should have been, where it is not of the format. Formats that are not ours are not checked.
fn format_fault(format: &str, text: &str) -> Option<&'static str> {
    let (fits, expected) = match format {
        "email" => (is_email(text), "an e-mail address"),
        "date" => (is_date(text), "a date of the form YYYY-MM-DD"),
        "phone" => (
            is_e164(text),
            "a phone with its country's code, such as +1 888 888 8888",
        ),
        forms::ID_LIST => (forms::is_id_list(text), "a list of ids, such as 1,15"),
        countries::COUNTRY => (countries::is_code(text), "a country, by its name or its code"),
        "base64" => return (!uploads::is_base64(text)).then_some("base64"),
        "file_id" => (text.parse::<FileId>().is_ok(), "the id of a kept file"),
        _ => return times::fault(format, text),
    };
    (!fits).then_some(expected)
}

fn is_email(text: &str) -> bool {
    let no_space = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let parts = text.rsplit_once('@');
    no_space && parts.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

fn is_date(text: &str) -> bool {
    forms::date(text).as_deref() == Some(text)
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
