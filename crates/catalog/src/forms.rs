//! Inputs as people write them, made into the one form that goes over the wire.
//!
//! | format | taken | sent |
//! |---|---|---|
//! | `date` | `2026-01-31`, `2026/1/31`, `2026.01.31`, `2026_01_31`, `20260131`, `2026-01-31T10:00:00Z`, `01/31/2026`, `31.01.2026`, `31 January 2026`, `Jan 31, 2026` | `2026-01-31` |
//! | `phone`, `e164` | `+1 (888) 888-8888`, `001 888 888 8888`, `+44 (0)20 7946 0958`; `0170 1234567` beside an input `country` | `+18888888888` |
//! | `time`, `time_ms`, `time_s` | `2026-01-31T10:00:00-05:00`, `31.01.2026 10:00 +01:00`, `01/31/2026 2:30 PM UTC`, a day as above, seconds or ms since 1970 | ISO 8601, or ms, or seconds |
//! | `date_us` | a day as above | `01-31-2026` |
//! | `country` | `US`, `usa`, `United States`, `Vereinigte Staaten` | `US` |
//! | `custom_fields` | `{my_key: 3, 6dvNaf7VhkQ9snc5vnjJ: "x"}`, and `name` for `key` in the list | `[{key, field_value}, {id, field_value}]` |
//!
//! Where the year comes last and both numbers could be the month, the month is first, as GHL reads it. What does not read
//! as any of these stays as it is, and is checked as such. Names of custom fields become ids in
//! [`Operation::friendly`](crate::Operation::friendly), which has the location's list.

use phonenumber::Mode;
use serde_json::{Map, Value, json};

use crate::{Shape, countries, times};

/// GHL's ids of custom fields have this many letters and digits; keys are words.
const ID_LETTERS: usize = 20;

/// Months by their first three letters.
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The value in its one form.
pub(crate) fn plain(shape: &Shape, value: &Value) -> Value {
    with_country(shape, value, None)
}

/// The value in its one form; national phones are of `country`, by its code or name.
pub(crate) fn with_country(shape: &Shape, value: &Value, country: Option<&str>) -> Value {
    let text = |read: &dyn Fn(&str) -> Option<String>| value.as_str().and_then(read).map(Value::from);
    let read = match shape.format.as_deref() {
        Some("date") => text(&date),
        Some("phone" | "e164") => text(&|number| phone(number).or_else(|| national(number, country?))),
        Some(countries::COUNTRY) => text(&countries::code),
        Some("custom_fields") => custom_fields(shape, value),
        Some(format) => times::plain(format, shape, value),
        None => None,
    };
    read.unwrap_or_else(|| value.clone())
}

/// A day, `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(date) = with_month_name(text) {
        return Some(date);
    }
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
    Some(format!(
        "{:04}-{:02}-{:02}",
        number(year)?,
        number(month)?,
        number(day)?
    ))
}

/// `31 January 2026`, `January 31st, 2026`, `31-Jan-2026`.
fn with_month_name(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split([' ', ',', '-', '.', '/'])
        .filter(|word| !word.is_empty())
        .collect();
    let [first, second, year] = words[..] else {
        return None;
    };
    let month = |word: &str| {
        let word = word.to_lowercase();
        let index = MONTHS.iter().position(|month| word.starts_with(month))?;
        word.chars().all(char::is_alphabetic).then_some(index + 1)
    };
    let day = |word: &str| number(word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()));
    let (day, month) = match (month(first), month(second)) {
        (Some(month), None) => (day(second)?, month),
        (None, Some(month)) => (day(first)?, month),
        _ => return None,
    };
    let year = number(year).filter(|_| year.len() == 4)?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
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
        for wrong in ["", "31 January", "2026-01", "26-01-31", "2026-01-3x", "soon"] {
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
