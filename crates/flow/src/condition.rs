//! Conditions: a tree that a form can edit and a log can explain, with expressions as leaves.
//!
//! ```yaml
//! when:
//!   all:
//!     - {field: event.amount.minor, is: at_least, value: 50000}
//!     - not: {field: event.items, is: contains, value: product-12}
//!     - event.mode == "live"                  # an expression
//! ```

use std::cmp::Ordering;

use minijinja::{Environment, Value};
use serde::Serialize;
use serde_json::Value as Json;

use crate::expression::Expression;
use crate::fields::Type;
use crate::input::{Compiler, Input, bare, has_expression};
use crate::paths;
use crate::wait::moment;

/// When something is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    /// An expression.
    Expression(String),
    /// Where all of them hold.
    All {
        /// The conditions.
        all: Vec<Condition>,
    },
    /// Where one of them holds.
    Any {
        /// The conditions.
        any: Vec<Condition>,
    },
    /// Where it does not hold.
    Not {
        /// The condition.
        not: Box<Condition>,
    },
    /// Where a field compares so with a value.
    Field {
        /// What is compared: a name such as `event.amount.minor`, or any expression.
        field: String,
        /// How.
        is: Operator,
        /// With what; may hold an expression in `{{ }}`. Nothing for `present` and `missing`.
        #[serde(skip_serializing_if = "Json::is_null")]
        value: Json,
    },
}

/// How a field compares with a value. What is missing equals nothing, contains nothing and is less than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The same: numbers where one of both is one, dates as moments, texts without regard to case.
    Equals,
    /// Not the same.
    DiffersFrom,
    /// One of a list.
    OneOf,
    /// None of a list.
    NoneOf,
    /// A text that has this in it, or a list that has this item; of event items their key, id or name.
    Contains,
    /// The opposite.
    Lacks,
    /// A text that begins so.
    StartsWith,
    /// A text that ends so.
    EndsWith,
    /// A number, date or text that is greater.
    MoreThan,
    /// Greater or the same.
    AtLeast,
    /// Less.
    LessThan,
    /// Less or the same.
    AtMost,
    /// There is something.
    Present,
    /// There is nothing.
    Missing,
}

impl Operator {
    /// All of them, as a document writes them, and as a person says them.
    pub const ALL: [(&'static str, Self, &'static str); 14] = [
        ("equals", Self::Equals, "equals"),
        ("differs_from", Self::DiffersFrom, "differs from"),
        ("one_of", Self::OneOf, "is one of"),
        ("none_of", Self::NoneOf, "is none of"),
        ("contains", Self::Contains, "contains"),
        ("lacks", Self::Lacks, "lacks"),
        ("starts_with", Self::StartsWith, "starts with"),
        ("ends_with", Self::EndsWith, "ends with"),
        ("more_than", Self::MoreThan, "is more than"),
        ("at_least", Self::AtLeast, "is at least"),
        ("less_than", Self::LessThan, "is less than"),
        ("at_most", Self::AtMost, "is at most"),
        ("present", Self::Present, "is there"),
        ("missing", Self::Missing, "is missing"),
    ];

    /// Whether it compares with a value.
    pub fn takes_value(self) -> bool {
        !matches!(self, Self::Present | Self::Missing)
    }

    fn words(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, operator, _)| *operator == self);
        found.map_or("", |(_, _, words)| words)
    }

    fn holds(self, field: &Json, value: &Json) -> bool {
        match self {
            Self::Equals => same(field, value),
            Self::DiffersFrom => !same(field, value),
            Self::OneOf => items(value).iter().any(|item| same(field, item)),
            Self::NoneOf => !items(value).iter().any(|item| same(field, item)),
            Self::Contains => contains(field, value),
            Self::Lacks => !contains(field, value),
            Self::StartsWith => folded(field).starts_with(&folded(value)) && is_there(field),
            Self::EndsWith => folded(field).ends_with(&folded(value)) && is_there(field),
            Self::MoreThan => order(field, value).is_some_and(Ordering::is_gt),
            Self::AtLeast => order(field, value).is_some_and(Ordering::is_ge),
            Self::LessThan => order(field, value).is_some_and(Ordering::is_lt),
            Self::AtMost => order(field, value).is_some_and(Ordering::is_le),
            Self::Present => is_there(field),
            Self::Missing => !is_there(field),
        }
    }
}

fn is_there(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// A number, also where it is written as a text.
fn number(value: &Json) -> Option<f64> {
    let read = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    value.as_f64().or_else(|| read(value.as_str()?))
}

fn folded(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    }
}

fn same(one: &Json, other: &Json) -> bool {
    if !is_there(one) || !is_there(other) {
        return is_there(one) == is_there(other);
    }
    // `01234` and `1234` are two postal codes, where neither is a number.
    let are_texts = one.is_string() && other.is_string() && moments(one, other).is_none();
    if are_texts {
        return folded(one) == folded(other);
    }
    order(one, other) == Some(Ordering::Equal)
}

/// Both as moments, where one is a date or a time.
fn moments(one: &Json, other: &Json) -> Option<(i64, i64)> {
    let is_one = is_date(one) || is_date(other);
    Some((moment(one)?, moment(other)?)).filter(|_| is_one)
}

/// How two things compare, where both are there: a date or time and a moment as moments, two numbers as numbers, also where they
/// are written as texts; all else as texts.
fn order(one: &Json, other: &Json) -> Option<Ordering> {
    if !is_there(one) || !is_there(other) {
        return None;
    }
    if let Some((one, other)) = moments(one, other) {
        return Some(one.cmp(&other));
    }
    if let (Some(one), Some(other)) = (number(one), number(other)) {
        return one.partial_cmp(&other);
    }
    Some(folded(one).cmp(&folded(other)))
}

/// Whether it is a text that says a date or a time, and not milliseconds.
fn is_date(value: &Json) -> bool {
    value
        .as_str()
        .is_some_and(|text| number(value).is_none() && moment(&text.into()).is_some())
}

fn items(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        Json::String(text) => text.split(',').map(|part| Json::from(part.trim())).collect(),
        other => vec![other.clone()],
    }
}

fn contains(field: &Json, value: &Json) -> bool {
    match field {
        Json::Array(items) => items.iter().any(|item| is_item(item, value)),
        Json::Null => false,
        other => is_there(value) && folded(other).contains(&folded(value)),
    }
}

/// Whether an item of a list is meant: by itself, or an event's item by its key, id or name.
fn is_item(item: &Json, value: &Json) -> bool {
    let Some(fields) = item.as_object() else {
        return same(item, value);
    };
    let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default();
    let key = format!("{}-{}", text("type"), text("id"));
    [key.as_str(), text("id"), text("name")]
        .iter()
        .any(|known| same(&Json::from(*known), value))
}

/// Why a value can never compare so with a field that holds this; `None` where it can, or reads something itself.
fn misfit(field: &str, holds: Type, is: Operator, value: &Json) -> Option<String> {
    let (is_ordered, values) = match is {
        _ if has_expression(value) => return None,
        Operator::MoreThan | Operator::AtLeast | Operator::LessThan | Operator::AtMost => {
            (true, vec![value.clone()])
        }
        Operator::Equals | Operator::DiffersFrom => (false, vec![value.clone()]),
        Operator::OneOf | Operator::NoneOf => (false, items(value)),
        _ => return None,
    };
    let wrong = |fits: &dyn Fn(&Json) -> bool| values.iter().find(|value| !value.is_null() && !fits(value));
    let (is_what, wrong) = match holds {
        Type::Number => ("a number", wrong(&|value| number(value).is_some())?),
        Type::Moment => (
            "a moment: a date such as `2026-01-31`, a time such as `2026-01-31T10:00:00+02:00`, or milliseconds since 1970",
            wrong(&|value| moment(value).is_some())?,
        ),
        Type::Boolean => (
            "true or false",
            wrong(&|value| matches!(folded(value).as_str(), "true" | "false"))?,
        ),
        Type::Text => ("a text", wrong(&|value| !value.is_object() && !value.is_array())?),
        Type::Money => {
            return Some(format!(
                "`{field}` is an amount; compare `{field}.minor`, its hundredths"
            ));
        }
        Type::List if is_ordered => {
            return Some(format!("`{field}` is a list; say what it `contains`, or `lacks`"));
        }
        Type::List | Type::Map | Type::Any => return None,
    };
    let wrong = wrong.as_str().map_or_else(|| wrong.to_string(), str::to_owned);
    Some(format!("`{field}` is {is_what}; `{wrong}` is none"))
}

/// A condition made ready.
#[derive(Debug)]
pub(crate) enum Compiled {
    Expression(Expression),
    All(Vec<Compiled>),
    Any(Vec<Compiled>),
    Not(Box<Compiled>),
    Field {
        name: String,
        field: Expression,
        operator: Operator,
        value: Input,
    },
    /// It has a fault, which was noted.
    Faulty,
}

impl Compiler<'_> {
    /// Compiles a condition; faults are noted.
    pub(crate) fn condition(&mut self, path: &str, condition: &Condition) -> Compiled {
        let mut each = |name: &str, conditions: &[Condition]| {
            let compile = |(index, condition)| self.condition(&format!("{path}.{name}[{index}]"), condition);
            conditions.iter().enumerate().map(compile).collect()
        };
        match condition {
            Condition::All { all } => Compiled::All(each("all", all)),
            Condition::Any { any } => Compiled::Any(each("any", any)),
            Condition::Not { not } => Compiled::Not(Box::new(self.condition(&format!("{path}.not"), not))),
            Condition::Expression(source) => self
                .bare_expression(path, source)
                .map_or(Compiled::Faulty, Compiled::Expression),
            Condition::Field { field, is, value } => {
                let path_of_field = format!("{path}.field");
                // What is not there is missing, not a fault.
                let Some(compiled) = self.field(&path_of_field, field) else {
                    return Compiled::Faulty;
                };
                let holds = paths::named(bare(field)).and_then(|path| self.type_of(&path));
                if let Some(fault) = holds.and_then(|holds| misfit(bare(field), holds, *is, value)) {
                    self.findings.push(format!("{path}.value"), fault);
                }
                Compiled::Field {
                    name: field.clone(),
                    field: compiled,
                    operator: *is,
                    value: self.input(&format!("{path}.value"), value),
                }
            }
        }
    }
}

impl Compiled {
    /// Why it does not hold; `None` where it does. The error is an expression that could not be evaluated.
    pub(crate) fn unmet(&self, environment: &Environment, root: &Value) -> Result<Option<String>, String> {
        match self {
            Self::Faulty => Ok(None),
            Self::Expression(expression) => {
                let holds = expression.evaluate(root)?.is_true();
                Ok((!holds).then(|| format!("its condition is not met: {}", expression.source)))
            }
            Self::All(all) => {
                for condition in all {
                    if let Some(why) = condition.unmet(environment, root)? {
                        return Ok(Some(why));
                    }
                }
                Ok(None)
            }
            Self::Any(any) => {
                let mut reasons = Vec::new();
                for condition in any {
                    match condition.unmet(environment, root)? {
                        None => return Ok(None),
                        Some(why) => reasons.push(why),
                    }
                }
                Ok((!any.is_empty()).then(|| reasons.join(", and ")))
            }
            Self::Not(not) => match not.unmet(environment, root)? {
                Some(_) => Ok(None),
                None => Ok(Some(format!("it holds, and must not: {}", not.describe()))),
            },
            Self::Field {
                name,
                field,
                operator,
                value,
            } => {
                let field = serde_json::to_value(field.evaluate(root)?).map_err(|error| error.to_string())?;
                let value = value.evaluate(environment, root).map_err(|fault| fault.message)?;
                let value = value.unwrap_or_default();
                if operator.holds(&field, &value) {
                    return Ok(None);
                }
                let with = if operator.takes_value() {
                    format!(" {value}")
                } else {
                    String::new()
                };
                let told: String = field.to_string().chars().take(TOLD_LETTERS).collect();
                Ok(Some(format!(
                    "`{name}` is {told}; wanted: it {}{with}",
                    operator.words()
                )))
            }
        }
    }

    fn describe(&self) -> String {
        let each = |conditions: &[Self], word: &str| {
            let described: Vec<String> = conditions.iter().map(Self::describe).collect();
            described.join(word)
        };
        match self {
            Self::Faulty => String::new(),
            Self::Expression(expression) => expression.source.clone(),
            Self::All(all) => each(all, " and "),
            Self::Any(any) => each(any, " or "),
            Self::Not(not) => format!("not {}", not.describe()),
            Self::Field { name, operator, .. } => format!("`{name}` {}", operator.words()),
        }
    }
}

/// So much of a field's value is told, in letters.
const TOLD_LETTERS: usize = 100;
