//! Every record, held against the facts.

use serde_json::Value;

use super::facts::{Facts, FactsFile};
use super::overlay::{Entry, Overlay};
use super::{SOURCES, builtin};
use crate::{Catalog, In, Operation, Request, Run};
use cartlane_model::Problems;

#[test]
fn every_record_builds_a_request_that_fits_the_facts() {
    let catalog = builtin().unwrap_or_else(|problems| panic!("{problems}"));
    for source in SOURCES {
        let facts: FactsFile = serde_json::from_str(source.facts).expect("generated");
        let overlay: Overlay = toml::from_str(source.overlay).expect("overlay");
        for entry in &overlay.operation {
            let operation = catalog.get(&entry.id).expect("loaded");
            let facts = facts
                .operations
                .iter()
                .find(|facts| facts.key() == entry.facts)
                .expect("facts");
            let request = operation
                .request(&operation.example, "loc1")
                .unwrap_or_else(|e| panic!("{}: {e}", entry.id));
            let problems = misfits(facts, entry, operation, &request);
            assert!(problems.0.is_empty(), "{}: {problems}", entry.id);
        }
        assert!(overlay.composite.iter().all(|composite| {
            catalog.get(&composite.id).is_some_and(
                |operation| matches!(&operation.run, Run::Composite(hook) if *hook == composite.hook),
            )
        }));
    }
}

/// Where a request does not fit what the vendor's file says, other than by a correction.
fn misfits(facts: &Facts, entry: &Entry, operation: &Operation, request: &Request) -> Problems {
    let mut problems = Problems::default();
    let mut check = |holds: bool, claim: &str| {
        if !holds {
            problems.push("", claim);
        }
    };
    check(
        request.method == facts.method && facts.version.contains(&request.version),
        "method and version",
    );
    check(
        request.body.is_some() == facts.body.is_some(),
        "a body where the facts have one",
    );
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let ours: Vec<&str> = path.split('/').collect();
    let theirs: Vec<&str> = facts.path.split('/').collect();
    check(ours.len() == theirs.len(), "as many segments, trailing slash too");
    let same = |(ours, theirs): (&&str, &&str)| ours == theirs || theirs.starts_with('{') && !ours.is_empty();
    check(
        ours.iter().zip(&theirs).all(same) && !path.contains('{'),
        "segments of the template",
    );
    let names: Vec<&str> = query
        .split('&')
        .filter_map(|pair| Some(pair.split_once('=')?.0))
        .collect();
    let body = request.body.clone().unwrap_or_default();
    let body = body.as_object().cloned().unwrap_or_default();
    for (place, shape) in facts.places() {
        let value = match place {
            In::Path => Some(Value::from("segment")),
            In::Query => names.contains(&shape.name.as_str()).then(|| Value::from("text")),
            In::Body => body.get(&shape.name).cloned(),
        };
        check(
            value.is_some() || !shape.required,
            &format!("{} is there", shape.name),
        );
        if let Some(value) = value.filter(|_| !entry.corrections.contains_key(&shape.name)) {
            let mut faults = Problems::default();
            shape.check(&value, &shape.name, &mut faults);
            check(faults.0.is_empty(), &faults.to_string());
        }
    }
    let known = |name: &str| {
        let in_facts = facts.places().any(|(_, shape)| shape.name == name);
        in_facts
            || entry.corrections.contains_key(name)
            || name == "locationId" && entry.location_in.is_some()
    };
    check(
        names.iter().all(|name| known(name)),
        "no query parameter that the facts lack",
    );
    check(
        body.keys().all(|name| known(name)),
        "no field that the facts lack",
    );
    check(
        operation.inputs.iter().all(|input| !input.help.is_empty()),
        "a help text for every input",
    );
    problems
}

#[test]
fn a_wrong_link_in_the_data_is_told() {
    let mut operations = Catalog::builtin().operations().to_vec();
    operations.retain(|operation| operation.id != "ghl.contacts.list_notes");
    let problems = Catalog::new(operations).expect_err("create_note is confirmed by list_notes");
    assert_eq!(
        problems.to_string(),
        "ghl.contacts.create_note: confirm: `ghl.contacts.list_notes` is not a read"
    );
}
