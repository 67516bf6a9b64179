//! The rules table: which products, plans, coupons, tags, … lead to which named outcomes, for people who write no expressions.
//!
//! ```yaml
//! rules:
//!   match: first                      # or all
//!   rows:
//!     - if: {product: [product-12, upsell-3], currency: EUR}
//!       then: {tags: [vip], workflow: 8f3c, lifecycle: customer}
//!     - if: {tag: member, when: contact.orders > 1}
//!       then: {tags: ["again: {{ item.name }}"], remove_tags: [prospect]}
//!     - then: {tags: [other]}         # no condition: everything else
//! ```
//!
//! ```text
//! read (form) ─► check (cells, outcomes, rows that nothing reaches) ─► compile ─► decide (event ─► outcomes)
//! ```
//!
//! What always holds: an event with several items is decided item by item and the outcomes are united; lists grow, and of
//! two different values for one name the first counts, with a warning. An event that no row fits has no outcomes.

mod check;
mod decide;
mod inputs;
mod read;
mod schema;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::condition::Condition;
use crate::input::Compiler;
use crate::names::{self, Visible};

pub(crate) use check::check;
pub(crate) use decide::Ready;
pub use decide::{Matched, Outcomes};
pub use inputs::RowInputs;
pub(crate) use read::read;
pub(crate) use schema::schema;

/// The most rows of a table.
pub const MAX_ROWS: usize = 1_000;

/// What a cell of a row can be about. The first three are of an item, the others of the event and its contact.
pub const COLUMNS: [&str; 6] = ["product", "type", "plan", "coupon", "currency", "tag"];
/// The columns that say something of an item.
const OF_ITEMS: [&str; 3] = ["product", "type", "plan"];

/// What `item` is in a rule.
const ITEM: &str = "event.items[]";

/// The outcomes that have a name of their own; any other name may be used, too.
pub const OUTCOMES: [&str; 9] = [
    "tags",
    "remove_tags",
    "workflow",
    "pipeline",
    "stage",
    "status",
    "fields",
    "lifecycle",
    "owner",
];
/// Outcomes that are lists, also where one value was written.
const LISTS: [&str; 2] = ["tags", "remove_tags"];
/// The outcome that is a map.
const MAP: &str = "fields";
/// What `rules` has beside outcomes: whether a row fitted, and which.
pub const ALSO: [&str; 2] = ["matched", "rows"];

/// A rules table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rules {
    /// Whether the first row that fits counts, or each.
    #[serde(rename = "match")]
    pub matching: Matching,
    /// The rows, in order.
    pub rows: Vec<Row>,
}

/// Which rows count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The first one that fits, for each item.
    #[default]
    First,
    /// All that fit.
    All,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it fits; always, where there is nothing.
    #[serde(rename = "if", skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions,
    /// What follows: outcomes by name. Texts may hold expressions.
    pub then: serde_json::Map<String, Json>,
}

/// When a row fits: every cell, and the condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Conditions {
    /// By column, the values of which one must be there; a column that is not here takes any.
    #[serde(flatten)]
    pub cells: BTreeMap<String, Vec<String>>,
    /// A condition as steps have one; it may read `item`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Conditions {
    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.when.is_none()
    }
}

impl Rules {
    /// Whether a row asks for the contact's tags, which only a step that looks the contact up can tell.
    pub fn asks_tags(&self) -> bool {
        self.rows
            .iter()
            .any(|row| row.conditions.cells.contains_key("tag"))
    }

    /// All names that can be read as `rules.NAME`.
    fn names(&self) -> Vec<&str> {
        let own = self
            .rows
            .iter()
            .flat_map(|row| row.then.keys().map(String::as_str));
        let mut names: Vec<&str> = ALSO.into_iter().chain(OUTCOMES).chain(own).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What is wrong with reading `path`, which begins with `rules`.
pub(crate) fn fault(rules: Option<&Rules>, path: &str) -> Option<String> {
    let Some(rules) = rules else {
        return Some(format!("`{path}`: this automation has no `rules`"));
    };
    let name = path.split('.').nth(1)?;
    let known = rules.names();
    (!known.contains(&name)).then(|| names::unknown(path, name, "outcome", &known))
}

/// What is wrong with reading `path` inside a rule.
pub(crate) fn fault_inside(path: &str, functions: &[&str]) -> Option<String> {
    if ["steps", "rules", "reference"].contains(&path.split(['.', '[']).next().unwrap_or_default()) {
        return Some(format!(
            "`{path}`: a rule cannot read this; it reads event, item, contact, settings and tables"
        ));
    }
    let visible = Visible {
        functions,
        item: Some(ITEM),
        ..Visible::default()
    };
    names::fault(path, &visible)
}

/// Compiles the expressions of the rules; `None` where there are none.
pub(crate) fn compile(rules: Option<&Rules>, compiler: &mut Compiler<'_>) -> Option<Ready> {
    let rules = rules?;
    compiler.item = Some(ITEM.to_owned());
    let ready = Ready::compile(rules, compiler);
    compiler.item = None;
    Some(ready)
}
