//! The recipes that are built in: each is a document without fault, and its form fits it.

use std::collections::HashSet;

use cartlane_catalog::Catalog;
use cartlane_flow::recipe::ChoiceKind;
use cartlane_flow::{Document, Recipe, recipe, recipes};
use serde_json::{Map, Value, json};

fn example(recipe: &Recipe) -> Document {
    let text = recipe
        .render(&recipe.example())
        .unwrap_or_else(|faults| panic!("{}: {faults}", recipe.name));
    Document::from_yaml(&text, Catalog::builtin())
        .unwrap_or_else(|faults| panic!("{}: {faults}\n{text}", recipe.name))
}

#[test]
fn every_recipe_with_its_defaults_and_examples_is_a_document_without_fault() {
    let mut titles = HashSet::new();
    for recipe in recipes() {
        let document = example(recipe);
        assert_eq!(document.name, recipe.title, "{}", recipe.name);
        assert!(
            titles.insert(&recipe.title),
            "{} is the title of two",
            recipe.title
        );
    }
}

#[test]
fn every_choice_is_used_is_of_its_kind_and_names_a_list_that_there_is() {
    for recipe in recipes() {
        let without = recipe.render(&recipe.example()).expect("the example is whole");
        for choice in &recipe.choices {
            let at = format!("{}: {}", recipe.name, choice.name);
            assert!(
                choice.optional || choice.default.is_some() || choice.example.is_some(),
                "{at} has no default"
            );
            let source = choice.option_source.as_deref();
            assert!(
                source.is_none_or(|list| Catalog::builtin().option_source(list).is_some()),
                "{at}: {source:?}"
            );
            let other: Value = match (choice.kind, choice.name.as_str()) {
                (ChoiceKind::Text, "cron") => json!("30 7 1 * *"),
                (ChoiceKind::Text, "zone") => json!("Europe/Berlin"),
                (ChoiceKind::Text, _) => json!("quite another one"),
                (ChoiceKind::Number, _) => json!(4711),
                (ChoiceKind::List, _) => json!(["quite another one"]),
                (ChoiceKind::YesNo, _) => json!(choice.default != Some(json!(true))),
                (ChoiceKind::Time, _) => json!("47 minutes"),
            };
            let mut given = recipe.example();
            given.insert(choice.name.clone(), other);
            let with = recipe
                .render(&given)
                .unwrap_or_else(|faults| panic!("{at}: {faults}"));
            assert_ne!(with, without, "{at} changes nothing");
            Document::from_yaml(&with, Catalog::builtin()).unwrap_or_else(|faults| panic!("{at}: {faults}"));
        }
    }
}

#[test]
fn every_recipe_is_tried_on_a_kind_that_it_runs_on_and_every_step_is_done_in_a_trial() {
    for recipe in recipes() {
        let document = example(recipe);
        let mut done = HashSet::new();
        for trial in &recipe.tests {
            let is_on = document.on.iter().any(|on| on.kind() == trial.on);
            assert!(is_on, "{}: {}", recipe.name, trial.on);
            for step in &trial.done {
                let id = step.split('#').next().unwrap_or_default(); // without the round of a loop
                let known = document.all_steps().into_iter().any(|known| known.id == id);
                assert!(known, "{} has no step `{id}`", recipe.name);
                done.insert(id.to_owned());
            }
            for before in &trial.before {
                assert!(
                    Catalog::builtin().get(&before.operation).is_some(),
                    "{}",
                    before.operation
                );
            }
        }
        // What a choice switches on is off in the example; what another choice brings about has a test of its own.
        let off = [
            ("refund-clean-up", "cancel"),
            ("vip", "team"),
            ("customer-refresh-on-schedule", "more"),
        ];
        for step in document.all_steps() {
            let is_off = off.contains(&(recipe.name, step.id.as_str()));
            assert!(
                is_off || done.contains(&step.id),
                "{}: no trial does `{}`",
                recipe.name,
                step.id
            );
        }
    }
}

#[test]
fn wrong_missing_and_unknown_choices_are_told_all_at_once() {
    let recipe = recipe("segmented-upsell").expect("it is built in");
    let given: Map<String, Value> =
        serde_json::from_value(json!({"larg": 3, "large": "much", "workflow": "w"})).expect("a map");
    let faults = recipe.render(&given).expect_err("it has faults").to_string();
    for fault in [
        "larg: the recipe `segmented-upsell` does not ask this; did you mean `large`?",
        "large: takes a number",
        "products: is missing: Bought products.",
    ] {
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
}

#[test]
fn choices_are_read_from_texts_by_their_kind() {
    for (kind, text, value) in [
        (ChoiceKind::Text, " a, b ", Some(json!("a, b"))),
        (ChoiceKind::Number, "12.5", Some(json!(12.5))),
        (ChoiceKind::Number, "much", None),
        (ChoiceKind::List, "a, b,", Some(json!(["a", "b"]))),
        (ChoiceKind::YesNo, "Yes", Some(json!(true))),
        (ChoiceKind::Time, " 3 days ", Some(json!("3 days"))),
        (ChoiceKind::YesNo, "perhaps", None),
    ] {
        assert_eq!(kind.read(text), value, "{text}");
    }
}
