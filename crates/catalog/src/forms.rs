//! Inputs as people write them, made into the one form that goes over the wire.
//!
//! | format | taken | sent |
//! |---|---|---|
//! | `date` | `2026-01-31`, `2026/1/31`, `2026.01.31`, `2026_01_31`, `20260131`, `2026-01-31T10:00:00Z`, `01/31/2026`, `31.01.2026`, `31 January 2026`, `Jan 31, 2026` | `2026-01-31` |
//! | `phone` | `+1 (888) 888-8888`, `001 888 888 8888`, `+44 (0)20 7946 0958`; `0170 1234567` beside an input `country` | `+18888888888` |
//! | `time`, `time_ms`, `time_s` | `2026-01-31T10:00:00-05:00`, `31.01.2026 10:00 +01:00`, `01/31/2026 2:30 PM UTC`, a day as above, seconds or ms since 1970 | ISO 8601, or ms, or seconds |
//! | `date_us` | a day as above | `01-31-2026` |
//! | `country` | `US`, `usa`, `United States`, `Vereinigte Staaten` | `US` |
//! | `id_list` | `[1, 15]`, `1, 15`, `[1,15]` | `[1,15]` as text |
//! | `custom_fields` | `{my_key: 3, 6dvNaf7VhkQ9snc5vnjJ: "x"}`, and `name` for `key` in the list | `[{key, field_value}, {id, field_value}]` |
//!
//! Where the year comes last and both numbers could be the month, the month is first, as GHL reads it. What does not read
//! as any of these stays as it is, and is checked as such. Names of custom fields become ids in
//! [`Operation::friendly`](crate::Operation::friendly), which has the location's list.

use jiff::civil::Date;
use phonenumber::Mode;
use serde_json::{Map, Value, json};

use crate::{Shape, countries, times};

/// GHL's ids of custom fields have this many letters and digits; keys are words.
const ID_LETTERS: usize = 20;

/// Months by their first three letters.
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The format of a list of ids that is sent as text.
pub(crate) const ID_LIST: &str = "id_list";

/// The value in its one form, with all that is in it; national phones are of `country`, by its code or name.
pub(crate) fn plain(shape: &Shape, value: &Value, country: Option<&str>) -> Value {
    let text = |read: &dyn Fn(&str) -> Option<String>| value.as_str().and_then(read).map(Value::from);
    let read = match shape.format.as_deref() {
        Some("date") => text(&date),
        Some("phone") => text(&|number| phone(number).or_else(|| national(number, country?))),
        Some(countries::COUNTRY) => text(&countries::code),
        Some("custom_fields") => custom_fields(shape, value),
        Some(ID_LIST) => id_list(value).map(Value::from),
        Some(format) => times::plain(format, shape, value),
        None => None,
    };
    read.unwrap_or_else(|| within(shape, value, country))
}

/// The value with what it is made of in their one forms.
fn within(shape: &Shape, value: &Value, country: Option<&str>) -> Value {
    match (value, &shape.items) {
        (Value::Array(values), Some(items)) => {
            values.iter().map(|value| plain(items, value, country)).collect()
        }
        (Value::Object(fields), _) => {
            let field = |(name, value): (&String, &Value)| {
                let shape = shape.fields.iter().find(|field| field.name == *name);
                let value = shape.map_or_else(|| value.clone(), |shape| plain(shape, value, country));
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        _ => value.clone(),
    }
}

/// The country that an operation's inputs name.
pub(crate) fn country(inputs: &Map<String, Value>) -> Option<&str> {
    inputs.get(countries::COUNTRY)?.as_str()
}

/// Ids, in a list or divided by commas, as a JSON list in a text: numbers stay numbers.
fn id_list(value: &Value) -> Option<String> {
    let ids = match value {
        Value::Array(ids) => ids.clone(),
        Value::Number(id) => vec![id.clone().into()],
        Value::String(text) => match serde_json::from_str(text.trim()) {
            Ok(Value::Array(ids)) => ids,
            _ => text.split(',').map(|id| Value::from(id.trim())).collect(),
        },
        _ => return None,
    };
    let id = |id: &Value| match id {
        Value::Number(id) if id.is_u64() => Some(id.to_string()),
        Value::String(id) if is_digits(id) => Some(id.clone()),
        _ => None,
    };
    let ids: Vec<String> = ids.iter().map(id).collect::<Option<_>>()?;
    Some(format!("[{}]", ids.join(",")))
}

/// Whether a text is such a list.
pub(crate) fn is_id_list(text: &str) -> bool {
    id_list(&text.into()).as_deref() == Some(text)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A day, `YYYY-MM-DD`; `None` where the calendar has none such.
pub(crate) fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let (year, month, day) = with_month_name(text).or_else(|| in_numbers(text))?;
    let day = Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    );
    day.ok().map(|day| day.to_string())
}

/// `2026-01-31`, `31.01.2026`: year, month, day.
fn in_numbers(text: &str) -> Option<(u16, u16, u16)> {
    let day = text.split(['T', ' ']).next()?;
    let parts: Vec<&str> = day.split(['-', '/', '.', '_']).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [first, second, year] if year.len() == 4 => {
            let is_day = number(first)? > 12 && number(second)? <= 12;
            if is_day {
                (year, second, first)
            } else {
                (year, first, second)
            }
        }
        [all] if all.len() == 8 && all.is_ascii() => (&all[..4], &all[4..6], &all[6..]),
        _ => return None,
    };
    Some((number(year)?, number(month)?, number(day)?))
}

/// `31 January 2026`, `January 31st, 2026`, `31-Jan-2026`: year, month, day.
fn with_month_name(text: &str) -> Option<(u16, u16, u16)> {
    let words: Vec<&str> = text
        .split([' ', ',', '-', '.', '/'])
        .filter(|word| !word.is_empty())
        .collect();
    let [first, second, year] = words[..] else {
        return None;
    };
    let month = |word: &str| {
        let word = word.to_lowercase();
        let number = (1_u16..)
            .zip(MONTHS)
            .find(|(_, month)| word.starts_with(month))?
            .0;
        word.chars().all(char::is_alphabetic).then_some(number)
    };
    let day = |word: &str| number(word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()));
    let (day, month) = match (month(first), month(second)) {
        (Some(month), None) => (day(second)?, month),
        (None, Some(month)) => (day(first)?, month),
        _ => return None,
    };
    let year = number(year).filter(|_| year.len() == 4)?;
    Some((year, month, day))
}

fn number(text: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// An international phone as E.164. A national one cannot be read without its country, and is `None`.
pub fn phone(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let rest = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    // The zero that is dialled within the country only.
    let rest = rest.replacen("(0)", "", 1);
    let is_filling = |letter: char| matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    let digits: String = rest.chars().filter(|letter| !is_filling(*letter)).collect();
    let is_phone = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_phone.then(|| format!("+{digits}"))
}

/// A national phone of the country with this code as E.164; `None` where it is none there.
fn national(text: &str, country: &str) -> Option<String> {
    let country = countries::code(country)?.parse().ok()?;
    let number = phonenumber::parse(Some(country), text).ok()?;
    number
        .is_valid()
        .then(|| number.format().mode(Mode::E164).to_string())
}

/// Whether this is the form of a custom field's id.
pub(crate) fn is_field_id(name: &str) -> bool {
    name.len() == ID_LETTERS && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Fields by id, key or name as the list that the shape has.
fn custom_fields(shape: &Shape, value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) => Some(by_name(shape, fields)),
        Value::Array(items) => Some(items.iter().map(name_as_key).collect()),
        _ => None,
    }
}

fn by_name(shape: &Shape, fields: &Map<String, Value>) -> Value {
    let takes = |name: &str| {
        let mut names = shape.items.iter().flat_map(|items| &items.fields);
        names.any(|field| field.name == name)
    };
    let value_name = if takes("value") { "value" } else { "field_value" };
    let item = |(name, value): (&String, &Value)| json!({ if is_field_id(name) { "id" } else { "key" }: name, value_name: value });
    fields.iter().map(item).collect()
}

/// An item whose `name` stands as `key`.
fn name_as_key(item: &Value) -> Value {
    match item.as_object() {
        Some(fields)
            if fields.contains_key("name") && !fields.contains_key("key") && !fields.contains_key("id") =>
        {
            let renamed = fields.iter().map(|(name, value)| {
                let name = if name == "name" { "key" } else { name };
                (name.to_owned(), value.clone())
            });
            Value::Object(renamed.collect())
        }
        _ => item.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_common_form_become_one() {
        let forms = [
            "2026-01-31",
            "2026/1/31",
            "2026.01.31",
            "20260131",
            "2026-01-31T10:00:00Z",
            "01/31/2026",
            "1-31-2026",
            "2026-01-31 10:00",
            "2026_01_31",
            "31.01.2026",
            "31/1/2026",
            "31 January 2026",
            "January 31st, 2026",
            "31-Jan-2026",
        ];
        for form in forms {
            assert_eq!(date(form).as_deref(), Some("2026-01-31"), "{form}");
        }
        for wrong in [
            "",
            "31 January",
            "2026-01",
            "26-01-31",
            "2026-01-3x",
            "2026-02-31",
            "31 February 2026",
            "soon",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_phone_is_read_only_where_it_says_its_country() {
        for form in [
            "+1 (888) 888-8888",
            "001 888 888 8888",
            "+1.888.888.8888",
            "tel:+1-888-888-8888",
        ] {
            assert_eq!(phone(form).as_deref(), Some("+18888888888"), "{form}");
        }
        assert_eq!(phone("+44 (0)20 7946 0958").as_deref(), Some("+442079460958"));
        for other in ["888 888 8888", "+1", "+1 888 888 8888 ext 3", ""] {
            assert_eq!(phone(other), None, "{other}");
        }
    }
}
