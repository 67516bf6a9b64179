//! Where operations speak of each other, and of the published list's numbers.

use std::collections::BTreeMap;

use cartlane_model::Problems;

use crate::{Effect, Operation};

/// Notes ids and numbers that are there twice, and links that lead nowhere.
pub(crate) fn check(operations: &[Operation], problems: &mut Problems) {
    let mut known: BTreeMap<&str, &Operation> = BTreeMap::new();
    let mut listed = BTreeMap::new();
    for operation in operations {
        if known.insert(&operation.id, operation).is_some() {
            problems.push(&operation.id, "this id is there twice");
        }
        let number = operation
            .listed
            .and_then(|number| listed.insert(number, &operation.id));
        if let Some(other) = number {
            problems.push(
                &operation.id,
                format!("has the number of `{other}` in the published list"),
            );
        }
    }
    for operation in operations {
        for call in operation
            .calls
            .iter()
            .filter(|call| !known.contains_key(call.as_str()))
        {
            problems.push(
                &operation.id,
                format!("calls `{call}`, which is not in the catalog"),
            );
        }
        check_confirm(operation, &known, problems);
    }
}

fn check_confirm(operation: &Operation, known: &BTreeMap<&str, &Operation>, problems: &mut Problems) {
    let Some(confirm) = operation
        .endpoint()
        .and_then(|endpoint| endpoint.confirm.as_ref())
    else {
        return;
    };
    let read = known
        .get(confirm.operation.as_str())
        .filter(|read| read.effect == Effect::Read);
    let Some(read) = read else {
        return problems.push(
            &operation.id,
            format!("confirm: `{}` is not a read", confirm.operation),
        );
    };
    for theirs in confirm.theirs().filter(|name| read.input(name).is_none()) {
        problems.push(
            &operation.id,
            format!("confirm: `{}` has no input `{theirs}`", read.id),
        );
    }
    for ours in confirm
        .ours()
        .into_iter()
        .filter(|name| operation.input(name).is_none())
    {
        problems.push(
            &operation.id,
            format!("confirm: speaks of an input `{ours}` that it does not have"),
        );
    }
    let given: Vec<&str> = confirm.theirs().collect();
    for input in read
        .inputs
        .iter()
        .filter(|input| input.required && !given.contains(&input.name.as_str()))
    {
        problems.push(
            &operation.id,
            format!("confirm: does not give `{}` of `{}`", input.name, read.id),
        );
    }
}
