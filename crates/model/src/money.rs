//! Amounts as `ThriveCart` writes them: hundredths of the currency's unit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in hundredths, with its currency.
///
/// `ThriveCart` sends "all prices … in hundreds" (its help page *Using webhook notifications*), for currencies
/// without decimals too; so 1499 is 14.99 in every currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Hundredths of the unit; negative for money given back.
    pub minor: i64,
    /// ISO 4217 code in capitals; empty where the source names none.
    pub currency: String,
}

impl Money {
    /// The amount without its currency: `14.99`.
    pub fn decimal(&self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        format!("{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

/// `14.99 USD`, as it is shown to people.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = self.decimal();
        if self.currency.is_empty() {
            f.write_str(&decimal)
        } else {
            write!(f, "{decimal} {}", self.currency)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_are_shown_with_two_decimals() {
        let money = |minor| {
            Money {
                minor,
                currency: "USD".into(),
            }
            .to_string()
        };
        assert_eq!(money(1499), "14.99 USD");
        assert_eq!(money(5), "0.05 USD");
        assert_eq!(money(-100), "-1.00 USD");
    }
}
