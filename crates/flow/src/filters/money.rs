//! Amounts: `{minor, currency}` as the event has them, or hundredths as the payload has them.

use cartlane_model::Money;
use minijinja::value::Value;
use minijinja::{Error, State};

use super::{misused, present};

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
