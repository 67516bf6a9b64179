//! Inputs as people write them, made into the one form that goes over the wire.
//!
//! | format | taken | sent |
//! |---|---|---|
//! | `date` | `2026-01-31`, `2026/1/31`, `2026.01.31`, `20260131`, `2026-01-31T10:00:00Z`, `01/31/2026`, `01-31-2026` | `2026-01-31` |
//! | `phone` | `+1 (888) 888-8888`, `001 888 888 8888` | `+18888888888` |
//! | `custom_fields` | `{my_key: 3, 6dvNaf7VhkQ9snc5vnjJ: "x"}` besides the list | `[{key, field_value}, {id, field_value}]` |
//!
//! What does not read as any of these stays as it is, and is checked as such. Only operations that are one call take
//! them; the calls of a composite do, too.

use serde_json::{Map, Value, json};

use crate::Shape;

/// GHL's ids of custom fields have this many letters and digits; keys are words.
const ID_LETTERS: usize = 20;

/// The value in its one form.
pub(crate) fn plain(shape: &Shape, value: &Value) -> Value {
    let text = |read: fn(&str) -> Option<String>| value.as_str().and_then(read).map(Value::from);
    let read = match shape.format.as_deref() {
        Some("date") => text(date),
        Some("phone") => text(phone),
        Some("custom_fields") => value.as_object().map(custom_fields),
        _ => None,
    };
    read.unwrap_or_else(|| value.clone())
}

/// A day, `YYYY-MM-DD`. Where the year comes last the month is first, as GHL reads it.
fn date(text: &str) -> Option<String> {
    let day = text.trim().split(['T', ' ']).next()?;
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [month, day, year] if year.len() == 4 => (year, month, day),
        [all] if all.len() == 8 && all.is_ascii() => (&all[..4], &all[4..6], &all[6..]),
        _ => return None,
    };
    let is_number = |part: &&str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| Some(part).filter(is_number)?.parse::<u16>().ok();
    Some(format!(
        "{:04}-{:02}-{:02}",
        number(year)?,
        number(month)?,
        number(day)?
    ))
}

/// An international phone as E.164. A national one cannot be read without its country, and is `None`.
pub fn phone(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    let is_filling = |letter: char| matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    let digits: String = rest.chars().filter(|letter| !is_filling(*letter)).collect();
    let is_phone = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_phone.then(|| format!("+{digits}"))
}

/// Fields by id or key as the list that GHL takes.
fn custom_fields(fields: &Map<String, Value>) -> Value {
    let item = |(name, value): (&String, &Value)| {
        let is_id = name.len() == ID_LETTERS && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        json!({ if is_id { "id" } else { "key" }: name, "field_value": value })
    };
    fields.iter().map(item).collect()
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
        for form in ["+1 (888) 888-8888", "001 888 888 8888", "+1.888.888.8888"] {
            assert_eq!(phone(form).as_deref(), Some("+18888888888"), "{form}");
        }
        for other in ["888 888 8888", "+1", "+1 888 888 8888 ext 3", ""] {
            assert_eq!(phone(other), None, "{other}");
        }
    }
}
