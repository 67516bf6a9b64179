//! Rules that several inputs keep together, which no shape can say.

use cartlane_model::Problems;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const DAY_MS: i64 = 24 * 60 * 60_000;

/// A rule that inputs keep together. What is not given, or reads as something else, breaks none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Two numbers multiplied are not more than this.
    Product {
        /// The inputs.
        of: [String; 2],
        /// The largest product.
        most: u64,
    },
    /// Two times in ms are not further apart than this.
    Span {
        /// The earlier one.
        from: String,
        /// The later one.
        to: String,
        /// The longest time between them.
        days: u16,
    },
    /// Where an input has this value, at least one of others is given.
    Needs {
        /// The input.
        input: String,
        /// Its value.
        is: Value,
        /// The others.
        one_of: Vec<String>,
    },
}

impl Rule {
    /// Notes where the inputs, in their one form, break it.
    pub(crate) fn check(&self, values: &Map<String, Value>, problems: &mut Problems) {
        let number = |name: &String| {
            let value = values.get(name)?;
            value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
        };
        match self {
            Self::Product {
                of: [one, other],
                most,
            } => {
                let product = number(one).and_then(|left| left.checked_mul(number(other)?));
                if product.and_then(|product| u64::try_from(product).ok()) > Some(*most) {
                    problems.push(one, format!("times {other} is more than {most}"));
                }
            }
            Self::Span { from, to, days } => {
                let span = number(from).and_then(|from| number(to)?.checked_sub(from));
                if span > Some(i64::from(*days) * DAY_MS) {
                    problems.push(to, format!("is more than {days} days after {from}"));
                }
            }
            Self::Needs { input, is, one_of } => {
                let given = |name: &String| values.get(name).is_some_and(|value| !value.is_null());
                if values.get(input) == Some(is) && !one_of.iter().any(given) {
                    let is = is.as_str().map_or_else(|| is.to_string(), str::to_owned);
                    problems.push(
                        input,
                        format!("`{is}` needs at least one of: {}", one_of.join(", ")),
                    );
                }
            }
        }
    }

    /// The inputs that it speaks of.
    pub(crate) fn inputs(&self) -> Vec<&str> {
        match self {
            Self::Product { of, .. } => of.iter().map(String::as_str).collect(),
            Self::Span { from, to, .. } => vec![from, to],
            Self::Needs { input, one_of, .. } => {
                let others = one_of.iter().map(String::as_str);
                others.chain([input.as_str()]).collect()
            }
        }
    }
}
