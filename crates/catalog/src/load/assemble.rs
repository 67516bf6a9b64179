//! Facts and overlay become operations.

use std::collections::BTreeMap;

use cartlane_model::Problems;

use super::facts::{Facts, FactsFile};
use super::overlay::{Composite, Entry, InputText, Overlay};
use crate::{BodyKind, Endpoint, In, Input, Operation, Run, Shape, System};

const LOCATION: &str = "locationId";

/// All operations of one resource, or all faults of its files.
pub(super) fn operations(
    system: System,
    facts: &FactsFile,
    overlay: Overlay,
) -> Result<Vec<Operation>, Problems> {
    let mut problems = Problems::default();
    let mut operations = Vec::new();
    for entry in overlay.operation {
        match facts.operations.iter().find(|facts| facts.key() == entry.facts) {
            Some(facts) => operations.push(single(system, facts, entry, &mut problems)),
            None => problems.push(entry.id, format!("the generated file has no `{}`", entry.facts)),
        }
    }
    operations.extend(
        overlay
            .composite
            .into_iter()
            .map(|composite| several(system, composite)),
    );
    for operation in &operations {
        if let Err(more) = operation.validate(&operation.example) {
            problems.push(&operation.id, format!("its example: {more}"));
        }
    }
    problems.into_result(operations)
}

fn single(system: System, facts: &Facts, entry: Entry, problems: &mut Problems) -> Operation {
    let inputs = inputs(facts, &entry);
    check_names(&entry, &inputs, problems);
    if facts.version.len() != 1 {
        problems.push(&entry.id, "the facts name no version, or several");
    }
    let endpoint = Endpoint {
        method: facts.method.clone(),
        path: facts.path.clone(),
        version: facts.version.first().cloned().unwrap_or_default(),
        scopes: facts.scopes.clone(),
        token_kinds: facts.token_kinds.clone(),
        location_in: entry.location_in,
        confirm: entry.confirm,
        success: entry.success.unwrap_or_else(|| facts.success.clone()),
        creates: entry.creates,
        body: if facts.body.is_some() {
            BodyKind::Json
        } else {
            BodyKind::None
        },
        answer: facts.answer.clone(),
    };
    Operation {
        id: entry.id,
        title: entry.title,
        help: entry.help,
        category: entry.category,
        kind: entry.kind,
        system,
        effect: entry.effect,
        run: Run::Http(Box::new(endpoint)),
        calls: Vec::new(),
        sets_state: None,
        inputs,
        needs_one: entry.needs_one,
        refused: entry.refused,
        example: entry.example,
    }
}

/// The inputs: what the facts have, less what is refused or comes from the connection, as corrected.
fn inputs(facts: &Facts, entry: &Entry) -> Vec<Input> {
    let offered = |name: &str| name != LOCATION && !entry.refused.contains_key(name);
    let known: Vec<(In, &Shape)> = facts.places().filter(|(_, shape)| offered(&shape.name)).collect();
    let from_facts = known.iter().map(|(place, shape)| {
        let shape = entry.corrections.get(&shape.name).map_or_else(
            || (*shape).clone(),
            |corrected| Shape {
                name: shape.name.clone(),
                required: shape.required || corrected.required,
                ..corrected.clone()
            },
        );
        input(*place, shape, &entry.inputs)
    });
    let is_new = |name: &String| !known.iter().any(|(_, shape)| shape.name == *name);
    let added_to = if facts.body.is_some() { In::Body } else { In::Query };
    let added = entry.corrections.iter().filter(|(name, _)| is_new(name));
    let added = added.map(|(name, shape)| {
        input(
            added_to,
            Shape {
                name: name.clone(),
                ..shape.clone()
            },
            &entry.inputs,
        )
    });
    from_facts.chain(added).collect()
}

fn input(place: In, mut shape: Shape, texts: &BTreeMap<String, InputText>) -> Input {
    let text = texts.get(&shape.name);
    let own_help = shape.help.take();
    let own_source = shape.option_source.take();
    Input {
        name: shape.name.clone(),
        r#in: place,
        required: shape.required,
        help: text
            .map(|text| text.help.clone())
            .or(own_help)
            .unwrap_or_else(|| words(&shape.name)),
        option_source: text.and_then(|text| text.option_source.clone()).or(own_source),
        shape,
    }
}

/// Notes names in the overlay that lead nowhere, and rules about inputs that are not there.
fn check_names(entry: &Entry, inputs: &[Input], problems: &mut Problems) {
    let texts = entry.inputs.keys();
    for name in texts.chain(&entry.needs_one) {
        if !inputs.iter().any(|input| input.name == *name) {
            problems.push(
                &entry.id,
                format!("speaks of an input `{name}` that it does not have"),
            );
        }
    }
    for name in entry
        .corrections
        .keys()
        .filter(|name| entry.refused.contains_key(*name))
    {
        problems.push(&entry.id, format!("both corrects and refuses `{name}`"));
    }
}

fn several(system: System, composite: Composite) -> Operation {
    let none = BTreeMap::new();
    Operation {
        id: composite.id,
        title: composite.title,
        help: composite.help,
        category: composite.category,
        kind: composite.kind,
        system,
        effect: composite.effect,
        run: Run::Composite(composite.hook),
        calls: composite.calls,
        sets_state: composite.sets_state,
        inputs: composite
            .inputs
            .into_iter()
            .map(|shape| input(In::Body, shape, &none))
            .collect(),
        needs_one: Vec::new(),
        refused: BTreeMap::new(),
        example: composite.example,
    }
}

/// `postalCode` as `Postal code.`: the help of an input that speaks for itself.
fn words(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.chars().enumerate() {
        match letter {
            letter if index == 0 => text.extend(letter.to_uppercase()),
            letter if letter.is_uppercase() => {
                text.push(' ');
                text.extend(letter.to_lowercase());
            }
            letter => text.push(letter),
        }
    }
    text.push('.');
    text
}
