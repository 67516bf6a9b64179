//! Amounts: hundredths as integers; `*_str` twins with two decimals where there is nothing better.

use cartlane_model::Money;
use serde_json::Value;

use crate::tree;

/// The first of `names` that holds an amount.
pub(super) fn amount(block: &Value, names: &[&str], currency: &str) -> Option<Money> {
    let minor = names.iter().find_map(|name| {
        let whole = tree::text(block, name).and_then(|text| text.parse().ok());
        whole.or_else(|| decimal(tree::text(block, &format!("{name}_str"))?))
    })?;
    Some(Money {
        minor,
        currency: currency.to_owned(),
    })
}

/// The currency in capitals; empty where none is named.
pub(super) fn currency(payload: &Value, block: Option<&Value>) -> String {
    let own = block.and_then(|block| tree::text(block, "currency"));
    own.or_else(|| tree::text(payload, "currency"))
        .unwrap_or_default()
        .to_ascii_uppercase()
}

/// `14.99` as 1499. Anything but up to two decimals is not guessed at.
fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !digits(unsigned) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimals_are_amounts() {
        let cases = [
            ("14.99", Some(1499)),
            ("14.9", Some(1490)),
            ("14", Some(1400)),
            ("-0.05", Some(-5)),
            ("1,499.00", None),
            ("14.999", None),
            ("$14", None),
            (".5", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }

    #[test]
    fn gross_comes_before_net_and_integers_before_text() {
        let block = serde_json::json!({"amount": "100", "amount_gross": "null", "amount_gross_str": "1.21"});
        let minor = amount(&block, &["amount_gross", "amount"], "USD").map(|money| money.minor);
        assert_eq!(minor, Some(121));
    }
}
