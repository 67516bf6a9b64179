//! What can be known to be wrong with a rules table, rows that nothing reaches included.

use serde_json::Value as Json;

use super::{ALSO, Conditions, LISTS, MAP, MAX_ROWS, Matching, OUTCOMES, Row, Rules};
use crate::names::nearest;
use crate::parse::Findings;
use crate::validate::is_name;

/// The types of item that `ThriveCart` has; others are taken, unless they look like a slip in one of these.
const TYPES: [&str; 4] = ["product", "bump", "upsell", "downsell"];
/// What an opportunity's status can be.
const STATUSES: [&str; 4] = ["open", "won", "lost", "abandoned"];

/// Notes everything that is wrong with the table.
pub(crate) fn check(rules: &Rules, findings: &mut Findings) {
    if rules.rows.is_empty() {
        findings.push("rules", "a rules table needs at least one row under `rows`");
    }
    if rules.rows.len() > MAX_ROWS {
        let message = format!("{} rows; a rules table can have {MAX_ROWS}", rules.rows.len());
        findings.push("rules.rows", message);
        return;
    }
    for (index, row) in rules.rows.iter().enumerate() {
        let path = format!("rules.rows[{index}]");
        check_cells(&format!("{path}.if"), &row.conditions, findings);
        check_outcomes(&path, row, findings);
        if rules.matching == Matching::First {
            let earlier = rules.rows[..index].iter();
            if let Some(by) = earlier
                .clone()
                .position(|earlier| covers(&earlier.conditions, &row.conditions))
            {
                let message = format!(
                    "nothing ever gets to this row: rules.rows[{by}] takes all that it fits; put this one before it, \
                     or write `match: all`"
                );
                findings.push(&path, message);
            }
        }
    }
}

fn check_cells(path: &str, conditions: &Conditions, findings: &mut Findings) {
    for (column, values) in &conditions.cells {
        let path = format!("{path}.{column}");
        if values.is_empty() {
            findings.push(
                &path,
                "an empty list fits nothing; write `*` for any value, or leave it out",
            );
        }
        for value in values {
            let fault = match column.as_str() {
                _ if value.is_empty() => {
                    Some("an empty text fits nothing; write `*` for any value".to_owned())
                }
                _ if value.contains("{{") => {
                    Some("a cell holds plain values; an expression belongs into `when`".to_owned())
                }
                "type" => slip(value, &TYPES)
                    .map(|known| format!("`{value}` is no type of item; did you mean `{known}`?")),
                "product" => value.split_once('-').and_then(|(item_type, id)| {
                    let known = slip(item_type, &TYPES)?;
                    Some(format!("`{value}` is no item; did you mean `{known}-{id}`?"))
                }),
                "currency" if value.len() != 3 || !value.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    Some(format!("`{value}` is no currency; they look like `USD`"))
                }
                _ => None,
            };
            if let Some(fault) = fault {
                findings.push(&path, fault);
            }
        }
    }
}

/// The known name that differs from `text` by one or two letters.
fn slip(text: &str, known: &[&'static str]) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    if known.contains(&text.as_str()) {
        return None;
    }
    known
        .iter()
        .copied()
        .find(|known| strsim::damerau_levenshtein(&text, known) <= 2)
}

fn check_outcomes(row_path: &str, row: &Row, findings: &mut Findings) {
    if row.then.is_empty() {
        findings.push(row_path, "this row does nothing; say under `then` what follows");
    }
    for (name, value) in &row.then {
        let path = format!("{row_path}.then.{name}");
        if ALSO.contains(&name.as_str()) {
            findings.push(
                &path,
                format!("`rules.{name}` says which rows fitted; take another name"),
            );
        } else if !is_name(name, "_") {
            findings.push(
                &path,
                format!("`{name}` is no name: small letters, digits and `_`, a letter first"),
            );
        } else if let Some(known) = slip(name, &OUTCOMES) {
            findings.push(
                &path,
                format!("there is no `{name}` here; did you mean `{known}`?"),
            );
        } else if let Some(wanted) = wrong_form(name, value) {
            findings.push(&path, format!("must be {wanted}"));
        } else if let (Some(text), "status") = (value.as_str(), name.as_str())
            && !text.contains("{{")
            && !STATUSES.contains(&text)
        {
            let near = nearest(text, STATUSES).map_or_else(
                || format!("there are {}", STATUSES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            findings.push(&path, format!("there is no status `{text}`; {near}"));
        }
    }
}

/// What a value of this outcome has to be, where it is not.
fn wrong_form(name: &str, value: &Json) -> Option<&'static str> {
    let is_expression = value.as_str().is_some_and(|text| text.contains("{{"));
    let is_plain = !value.is_object() && !value.is_array();
    if is_expression || !OUTCOMES.contains(&name) {
        return None;
    }
    if name == MAP {
        return (!value.is_object()).then_some("a map of custom fields");
    }
    if LISTS.contains(&name) {
        return value.is_object().then_some("a tag or a list of tags");
    }
    (!is_plain).then_some("one value")
}

/// Whether whatever fits `inner` fits `outer` too, as far as can be told from the text.
fn covers(outer: &Conditions, inner: &Conditions) -> bool {
    let takes_cell = |(column, values): (&String, &Vec<String>)| {
        inner.cells.get(column).is_some_and(|wanted| {
            !wanted.is_empty()
                && wanted
                    .iter()
                    .all(|value| values.iter().any(|known| takes(column, known, value)))
        })
    };
    outer.cells.iter().all(takes_cell) && (outer.when.is_none() || outer.when == inner.when)
}

fn takes(column: &str, known: &str, value: &str) -> bool {
    // `12` fits `product-12` and `bump-12`.
    let is_its_id = column == "product" && value.split_once('-').is_some_and(|(_, id)| id == known);
    is_its_id || known.eq_ignore_ascii_case(value)
}
