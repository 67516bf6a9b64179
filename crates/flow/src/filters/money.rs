//! Amounts: `{minor, currency}` as the event has them, or hundredths as the payload has them.

use std::cmp::Ordering;

use cartlane_model::Money;
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};

use super::{misused, present, text};
use crate::uses::data;

/// `event.amount | money` is `14.99 USD`; so is `event.payload.order.total | money("USD")`.
pub(super) fn money(
    state: &mut State,
    value: &Value,
    currency: Option<String>,
) -> Result<Option<String>, Error> {
    Ok(read("money", state, value, currency)?.map(|money| money.to_string()))
}

/// `event.amount | decimal` is `14.99`.
pub(super) fn decimal(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    Ok(read("decimal", state, value, None)?.map(|money| money.decimal()))
}

/// `"14.99" | to_money("USD")` is the amount; none where the text is none. A point or a comma stands before the cents.
pub(super) fn to_money(state: &mut State, value: &Value, currency: &str) -> Result<Option<Value>, Error> {
    let minor = text(state, value)?.and_then(|text| hundredths(text.trim()));
    let currency = currency.to_ascii_uppercase();
    Ok(minor.map(|minor| data(Money { minor, currency })))
}

/// `14.99`, `14,9` or `14` as hundredths.
fn hundredths(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !is_number(digits) || !is_number(cents) || cents.len() > 2 {
        return None;
    }
    format!("{whole}{cents:0<2}").parse().ok()
}

/// `event.amount | plus(contact.spent.USD)`: the sum. Nothing counts as zero; two currencies are an error.
pub(super) fn plus(state: &mut State, value: &Value, other: &Value) -> Result<Option<Value>, Error> {
    both("plus", state, value, other, i64::checked_add)
}

/// `event.amount | minus(500)`: the difference.
pub(super) fn minus(state: &mut State, value: &Value, other: &Value) -> Result<Option<Value>, Error> {
    both("minus", state, value, other, i64::checked_sub)
}

fn both(
    filter: &str,
    state: &mut State,
    value: &Value,
    other: &Value,
    calculate: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Option<Value>, Error> {
    let Some(money) = read(filter, state, value, None)? else {
        return Ok(None);
    };
    let other = read(filter, state, other, None)?;
    let (minor, currency) = match other {
        Some(other) => (other.minor, common_currency(filter, &money, &other)?),
        None => (0, money.currency),
    };
    let minor = calculate(money.minor, minor).ok_or_else(|| too_much(filter))?;
    Ok(Some(data(Money { minor, currency })))
}

/// `event.amount | percent(10)`: so many hundredths of it, rounded to the nearest.
pub(super) fn percent(state: &mut State, value: &Value, percent: i64) -> Result<Option<Value>, Error> {
    let Some(money) = read("percent", state, value, None)? else {
        return Ok(None);
    };
    let whole = i128::from(money.minor) * i128::from(percent);
    let half = if whole < 0 { -50 } else { 50 };
    let minor = i64::try_from((whole + half) / 100).map_err(|_| too_much("percent"))?;
    let currency = money.currency;
    Ok(Some(data(Money { minor, currency })))
}

/// `event.amount | compare(contact.spent.USD)` is -1 where it is less, 0 where it is the same, 1 where it is more.
pub(super) fn compare(state: &mut State, value: &Value, other: &Value) -> Result<Option<i64>, Error> {
    let (money, other) = (
        read("compare", state, value, None)?,
        read("compare", state, other, None)?,
    );
    let (Some(money), Some(other)) = (money, other) else {
        return Ok(None);
    };
    common_currency("compare", &money, &other)?;
    Ok(Some(match money.minor.cmp(&other.minor) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }))
}

/// The currency of both: a plain number of hundredths takes the other's.
fn common_currency(filter: &str, one: &Money, other: &Money) -> Result<String, Error> {
    if one.currency.is_empty() || one.currency == other.currency {
        return Ok(other.currency.clone());
    }
    if other.currency.is_empty() {
        return Ok(one.currency.clone());
    }
    let message = format!("`{filter}` works on one currency, and was given {one} and {other}");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn too_much(filter: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("`{filter}`: more money than there is"),
    )
}

fn read(
    filter: &str,
    state: &mut State,
    value: &Value,
    currency: Option<String>,
) -> Result<Option<Money>, Error> {
    let Some(value) = present(state, value)? else {
        return Ok(None);
    };
    let hundredths = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    if let Some(minor) = hundredths(&value) {
        return Ok(Some(Money {
            minor,
            currency: currency.unwrap_or_default(),
        }));
    }
    let minor = value.get_attr("minor").ok().and_then(|minor| minor.as_i64());
    let minor = minor.ok_or_else(|| misused(filter, "an amount or a number of hundredths", &value))?;
    let own = value
        .get_attr("currency")
        .ok()
        .and_then(|own| own.as_str().map(str::to_owned));
    Ok(Some(Money {
        minor,
        currency: currency.or(own).unwrap_or_default(),
    }))
}
