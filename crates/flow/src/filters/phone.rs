//! Phone numbers. GHL takes E.164; what it makes of anything else is not documented, so nothing else is sent.

use minijinja::value::Value;
use minijinja::{Error, State};
use phonenumber::{Mode, country};

use super::text;

/// More than any number with its punctuation; longer texts are no phone numbers.
const MAX_LENGTH: usize = 40;

/// `event.person.phone | e164(event.person.country)` is `+14155552671`, or none where it is no valid number.
///
/// A number that begins with `+` or `00` says its country itself; others are read as dialled in `country` (ISO 3166-1
/// alpha-2).
pub(super) fn e164(
    state: &mut State,
    value: &Value,
    country: Option<Value>,
) -> Result<Option<String>, Error> {
    let Some(phone) = text(state, value)? else {
        return Ok(None);
    };
    let country = match country {
        Some(country) => text(state, &country)?,
        None => None,
    };
    Ok(normalise(&phone, country.as_deref()))
}

/// `"+6281234567890" | phone_country` is `ID`; none where it is no valid number with its country.
pub(super) fn phone_country(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    let number = text(state, value)?.and_then(|phone| normalise(&phone, None));
    let parsed = number.and_then(|number| phonenumber::parse(None, number).ok());
    Ok(parsed
        .and_then(|number| number.country().id())
        .map(|id| id.as_ref().to_owned()))
}

fn normalise(phone: &str, country: Option<&str>) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c);
    if phone.len() > MAX_LENGTH || !phone.chars().all(is_part) {
        return None;
    }
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let international = if phone.trim_start().starts_with('+') {
        Some(digits.as_str())
    } else {
        digits.strip_prefix("00")
    };
    if let Some(international) = international {
        return valid(None, &format!("+{international}"));
    }
    let country: country::Id = country?.trim().to_uppercase().parse().ok()?;
    // Some write the country's code and leave out the plus.
    valid(Some(country), &digits).or_else(|| {
        let number = phonenumber::parse(None, format!("+{digits}")).ok()?;
        (number.country().id() == Some(country)).then(|| valid(None, &format!("+{digits}")))?
    })
}

fn valid(country: Option<country::Id>, phone: &str) -> Option<String> {
    let number = phonenumber::parse(country, phone).ok()?;
    number
        .is_valid()
        .then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_gives_a_number_or_nothing(phone in "[+0-9 ()./-]{0,45}", country in "[A-Z]{2}") {
            if let Some(number) = normalise(&phone, Some(&country)) {
                prop_assert!(number.starts_with('+') && number[1..].chars().all(|c| c.is_ascii_digit()), "{number}");
                prop_assert_eq!(normalise(&number, None), Some(number.clone()));
            }
        }
    }
}
