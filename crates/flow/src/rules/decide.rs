//! From an event to outcomes.

use cartlane_model::Item;
use minijinja::{Environment, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::{Conditions, LISTS, MAP, Matching, OF_ITEMS, Rules};
use crate::condition;
use crate::contact::names_item;
use crate::expression::FUNCTIONS;
use crate::input::{self, Compiler, Input, InputFault};
use crate::scope::{Around, Scope, StepRecord};
use crate::uses::{Uses, data};

/// A table with its expressions compiled.
#[derive(Debug)]
pub(crate) struct Ready {
    matching: Matching,
    rows: Vec<ReadyRow>,
    /// All outcomes that can be read, those that no row gives included.
    nothing: Map<String, Json>,
}

#[derive(Debug)]
struct ReadyRow {
    name: Option<String>,
    conditions: Conditions,
    when: Option<condition::Compiled>,
    then: Vec<(String, Input)>,
    uses: Uses,
}

/// A row that fitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// Which one, from 0, as faults name it: `rules.rows[0]`.
    pub row: usize,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The item that it fitted, `product-12`; none where the event has no items.
    pub item: Option<String>,
}

/// What follows from the rules for an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcomes {
    /// The rows that fitted, item by item.
    pub matched: Vec<Matched>,
    /// The outcomes by name.
    pub outcomes: Map<String, Json>,
    /// Where rows disagreed.
    pub warnings: Vec<String>,
}

impl Ready {
    pub fn compile(rules: &Rules, compiler: &mut Compiler<'_>) -> Self {
        let mut rows = Vec::new();
        for (index, row) in rules.rows.iter().enumerate() {
            let path = format!("rules.rows[{index}]");
            let conditions = row.conditions.clone();
            let when = conditions.when.as_ref();
            let when = when.map(|when| compiler.condition(&format!("{path}.if.when"), when));
            let then = compiler.fields(&format!("{path}.then"), &row.then);
            let uses = compiler.names_read(|name| super::fault_inside(name, &FUNCTIONS));
            rows.push(ReadyRow {
                name: row.name.clone(),
                conditions,
                when,
                then,
                uses,
            });
        }
        let empty = |name: &str| match name {
            _ if LISTS.contains(&name) => json!([]),
            MAP => json!({}),
            _ => Json::Null,
        };
        let names = rules.names();
        let nothing = names
            .into_iter()
            .map(|name| (name.to_owned(), empty(name)))
            .collect();
        let matching = rules.matching;
        Self {
            matching,
            rows,
            nothing,
        }
    }

    /// What follows for the scope's event, with `tables` as the document's tables.
    pub fn decide(
        &self,
        environment: &Environment,
        tables: &Value,
        scope: &Scope<'_>,
    ) -> Result<Outcomes, InputFault> {
        let mut outcomes = Outcomes::default();
        let tags = known_tags(scope);
        let items = scope.event.facts.items.iter().map(Some);
        let nobody = scope.event.facts.items.is_empty().then_some(None);
        for item in items.chain(nobody) {
            for (index, row) in self.rows.iter().enumerate() {
                if !row.conditions.fit(scope, item, &tags) {
                    continue;
                }
                let root = row.root(tables, scope, item);
                let unmet = row.when.as_ref().map(|when| when.unmet(environment, &root));
                let unmet = unmet.transpose().map_err(|message| InputFault {
                    path: format!("rules.rows[{index}].if.when"),
                    message,
                })?;
                if unmet.flatten().is_some() {
                    continue;
                }
                let then = input::evaluate_fields(&row.then, environment, &root)?;
                outcomes.matched.push(Matched {
                    row: index,
                    name: row.name.clone(),
                    item: item.map(Item::key),
                });
                for (name, value) in then {
                    outcomes.unite(index, &name, value);
                }
                if self.matching == Matching::First {
                    break;
                }
            }
        }
        outcomes.settle_tags();
        Ok(outcomes)
    }

    /// What each row gives by itself, as far as no run is needed to tell.
    pub fn of_each_row(&self, environment: &Environment, tables: &Value) -> Vec<Outcomes> {
        let root = Value::from_pairs([("tables", tables.clone())]);
        let of_row = |(index, row): (usize, &ReadyRow)| {
            let mut outcomes = Outcomes::default();
            outcomes.matched.push(Matched {
                row: index,
                name: row.name.clone(),
                item: None,
            });
            for (name, input) in &row.then {
                if let Some(value) = input.known(environment, &root, &["tables"]) {
                    outcomes.unite(index, name, value);
                }
            }
            outcomes
        };
        self.rows.iter().enumerate().map(of_row).collect()
    }

    /// `rules` as expressions read it.
    pub fn value(&self, outcomes: &Outcomes) -> Value {
        let mut all = self.nothing.clone();
        all.insert("matched".into(), (!outcomes.matched.is_empty()).into());
        let mut rows: Vec<usize> = outcomes.matched.iter().map(|matched| matched.row).collect();
        rows.sort_unstable();
        rows.dedup();
        all.insert("rows".into(), json!(rows));
        all.extend(outcomes.outcomes.clone());
        data(Json::Object(all))
    }
}

impl ReadyRow {
    fn root(&self, tables: &Value, scope: &Scope<'_>, item: Option<&Item>) -> Value {
        let mut names = scope.names(&self.uses, &Around::default());
        names.insert("tables", tables.clone());
        names.insert("item", crate::scope::or_absent(item));
        Value::from_pairs(names)
    }
}

impl Conditions {
    /// Whether all cells fit; the expression is not asked.
    fn fit(&self, scope: &Scope<'_>, item: Option<&Item>, tags: &[String]) -> bool {
        self.cells.iter().all(|(column, values)| {
            if OF_ITEMS.contains(&column.as_str()) {
                return item.is_some_and(|item| values.iter().any(|value| fits_item(column, value, item)));
            }
            let facts = &scope.event.facts;
            let is = |known: &str| {
                values
                    .iter()
                    .any(|value| value.eq_ignore_ascii_case(known.trim()))
            };
            match column.as_str() {
                "coupon" => facts.coupon.as_deref().is_some_and(is),
                "currency" => {
                    let own = item
                        .and_then(|item| item.amount.as_ref())
                        .or(facts.amount.as_ref());
                    own.is_some_and(|money| is(&money.currency))
                }
                _ => tags.iter().any(|tag| is(tag)),
            }
        })
    }
}

fn fits_item(column: &str, value: &str, item: &Item) -> bool {
    match column {
        "product" => names_item(value, &item.item_type, &item.id),
        "type" => value.eq_ignore_ascii_case(&item.item_type),
        _ => [&item.plan_id, &item.plan_name]
            .into_iter()
            .flatten()
            .any(|plan| plan.trim().eq_ignore_ascii_case(value)),
    }
}

impl Outcomes {
    fn unite(&mut self, row: usize, name: &str, value: Json) {
        let value = if LISTS.contains(&name) && !value.is_array() {
            Json::Array(vec![value])
        } else {
            value
        };
        match (self.outcomes.get_mut(name), value) {
            (None, value) => drop(self.outcomes.insert(name.to_owned(), value)),
            (Some(Json::Array(known)), Json::Array(values)) => {
                for value in values {
                    if !known.iter().any(|known| is_same(known, &value)) {
                        known.push(value);
                    }
                }
            }
            (Some(Json::Object(known)), Json::Object(values)) => {
                for (key, value) in values {
                    let counts = known.entry(key.clone()).or_insert_with(|| value.clone());
                    if *counts != value {
                        let warning = disagree(row, &format!("{name}.{key}"), &value, counts);
                        self.warnings.push(warning);
                    }
                }
            }
            (Some(counts), value) if *counts != value => {
                let warning = disagree(row, name, &value, counts);
                self.warnings.push(warning);
            }
            _ => {}
        }
    }

    /// A tag that is to be added is not removed.
    fn settle_tags(&mut self) {
        let added = self
            .outcomes
            .get("tags")
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default();
        let Some(removed) = self.outcomes.get_mut("remove_tags").and_then(Json::as_array_mut) else {
            return;
        };
        let warnings = &mut self.warnings;
        removed.retain(|tag| {
            let is_added = added.iter().any(|added| is_same(added, tag));
            if is_added {
                warnings.push(format!(
                    "rules: the tag {tag} is to be added and removed; it is added"
                ));
            }
            !is_added
        });
    }
}

fn disagree(row: usize, name: &str, value: &Json, counts: &Json) -> String {
    format!("rules.rows[{row}] says {value} for `{name}`; an earlier row says {counts}, which counts")
}

/// GHL writes tags in small letters.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

/// The contact's tags: as the newest step that looked the contact up found them, else of the event. What steps add and
/// remove does not count, so that a row still fits after its own outcomes were carried out.
fn known_tags(scope: &Scope<'_>) -> Vec<String> {
    let of_contact = |data: &Json| tags_in(&data["contact"]["tags"]);
    let of_step = |(_, record): &(String, StepRecord)| match record {
        StepRecord::Done { output } => of_contact(output),
        _ => None,
    };
    let payload = &scope.event.facts.payload;
    let found = scope.steps.iter().rev().find_map(of_step);
    let found = found.or_else(|| of_contact(payload));
    found.or_else(|| tags_in(&payload["tags"])).unwrap_or_default()
}

/// A list of texts, or texts with commas between, as workflows send them.
fn tags_in(value: &Json) -> Option<Vec<String>> {
    let trimmed = |text: &str| text.trim().to_owned();
    match value {
        Json::Array(tags) => Some(tags.iter().filter_map(Json::as_str).map(trimmed).collect()),
        Json::String(tags) => Some(tags.split(',').map(trimmed).collect()),
        _ => None,
    }
}
