//! Automations that start after others: none may come after itself, by however many others.

use cartlane_catalog::Catalog;
use cartlane_flow::names::nearest;
use cartlane_flow::{Document, On};
use cartlane_model::Problems;
use cartlane_store::{Tx, automations};

use crate::AdminError;

/// What is wrong with the chains of these documents, all of a workspace; of those that were there already nothing is said.
fn check(all: &[Document], is_new: impl Fn(&str) -> bool) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let names: Vec<&str> = all.iter().map(|document| document.name.as_str()).collect();
    for document in all.iter().filter(|document| is_new(&document.name)) {
        for (index, on) in document.on.iter().enumerate() {
            let On::Automation(outcome) = on else { continue };
            let place = format!("on[{index}].automation.name");
            if !names.contains(&outcome.name.as_str()) {
                let hint = nearest(
                    &outcome.name,
                    names.iter().copied().filter(|name| *name != document.name),
                );
                let hint = hint.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let message = format!(
                    "`{}` starts after `{}`, and there is no automation of that name{hint}",
                    document.name, outcome.name
                );
                problems.push(place, message);
            } else if let Some(chain) = chain(all, &outcome.name, &document.name) {
                let chain: Vec<String> = chain.iter().rev().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "they would start each other for ever: {} → `{}`",
                    chain.join(" → "),
                    chain.first().map_or("", |first| first.trim_matches('`'))
                );
                problems.push(place, message);
            }
        }
    }
    problems.into_result(())
}

/// The automations from `from` back to `to`, each of which comes after the next one.
fn chain<'d>(all: &'d [Document], from: &'d str, to: &str) -> Option<Vec<&'d str>> {
    let mut seen = vec![from];
    let mut paths = vec![vec![from]];
    while let Some(path) = paths.pop() {
        let last = path.last().copied().unwrap_or_default();
        if last == to {
            return Some(path);
        }
        let document = all.iter().find(|document| document.name == last);
        for outcome in document.into_iter().flat_map(Document::outcomes) {
            if outcome.name == to || !seen.contains(&outcome.name.as_str()) {
                seen.push(&outcome.name);
                let mut longer = path.clone();
                longer.push(&outcome.name);
                paths.push(longer);
            }
        }
    }
    None
}

/// The same of all automations that are stored, in the transaction that has stored some of them.
pub(crate) fn check_stored(tx: &mut dyn Tx, is_new: impl Fn(&str) -> bool) -> Result<(), AdminError> {
    let rows = automations::list(tx)?;
    let all: Vec<Document> = rows.iter().filter_map(|row| read(&row.document)).collect();
    Ok(check(&all, is_new)?)
}

/// A document that was valid when it was stored.
fn read(document: &serde_json::Value) -> Option<Document> {
    Document::from_json(document, Catalog::builtin()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn after(name: &str, others: &[&str]) -> Document {
        let on: Vec<_> = others
            .iter()
            .map(|other| json!({"automation": {"name": other}}))
            .collect();
        let on = if on.is_empty() {
            json!(["manual"])
        } else {
            json!(on)
        };
        let document = json!({"name": name, "on": on, "steps": [{"id": "a", "set": {"x": 1}}]});
        read(&document).expect("a document")
    }

    #[test]
    fn a_chain_that_comes_back_is_named() {
        let all = [
            after("A", &["C"]),
            after("B", &["A"]),
            after("C", &["B"]),
            after("D", &["A", "B"]),
        ];
        let faults = check(&all, |name| name == "A").expect_err("a loop").to_string();
        assert!(faults.contains("for ever: `A` → `B` → `C` → `A`"), "{faults}");
        assert!(
            check(&all, |name| name == "D").is_ok(),
            "it is at the end of the chain"
        );
    }

    #[test]
    fn an_automation_that_is_not_there_is_not_waited_for() {
        let all = [after("Sync customers", &[]), after("B", &["Sync custmers"])];
        let faults = check(&all, |_| true).expect_err("a slip").to_string();
        assert_eq!(
            faults,
            "on[0].automation.name: `B` starts after `Sync custmers`, and there is no automation of that name; did you mean \
             `Sync customers`?"
        );
    }
}
