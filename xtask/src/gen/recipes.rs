//! `docs/recipes.md` and `docs/examples/`: every recipe with what it asks, and one filled example of each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use cartlane_flow::recipe::Choice;
use cartlane_flow::{Recipe, recipes};

const HEAD: &str = "\
# Recipes

Made by `cargo xtask gen docs` from `recipes/`; do not edit.

A recipe is an automation that is ready but for a few choices. `cartlane recipes apply NAME --set CHOICE=VALUE` fills it and saves
the automation like any other document: read it, change it, [disable or remove](automations.md#disable-and-remove) it. `--disabled`
lets it begin disabled, so that it can be tested and checked first; `--print` shows the document instead. Applied again with other
choices it becomes the automation's next version; with `--set name=\"Another name\"` it is a second automation.

[examples/](examples/) has each recipe filled with its defaults, and with placeholders where an account's own ids belong.
`cartlane apply docs/examples/` loads them all, and `cartlane automations test --all`
[tries them](automations.md#test).
";

/// The page.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n| recipe | |\n|---|---|\n");
    for recipe in recipes() {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} |", recipe.name, recipe.title);
    }
    recipes().iter().for_each(|recipe| add(&mut page, recipe));
    page
}

fn add(page: &mut String, recipe: &Recipe) {
    let _ = writeln!(
        page,
        "\n## {0}\n\n*{1}.* {2}\n\nExample: [examples/{0}.yaml](examples/{0}.yaml). Tried on {3}.\n",
        recipe.name,
        recipe.title,
        recipe.description,
        kinds(recipe)
    );
    page.push_str("| choice | takes | |\n|---|---|---|\n");
    for choice in &recipe.choices {
        let _ = writeln!(
            page,
            "| {} | {} | {}. {}{}{} |",
            name(choice),
            choice.kind.describe(),
            choice.label,
            choice.help,
            chosen_from(choice),
            default(choice)
        );
    }
}

fn kinds(recipe: &Recipe) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for trial in &recipe.tests {
        let kind = format!("`{}`", trial.on);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(", ")
}

/// What must be chosen stands in bold, as required inputs do in the page of operations.
fn name(choice: &Choice) -> String {
    if choice.default.is_none() && !choice.optional {
        format!("**`{}`**", choice.name)
    } else {
        format!("`{}`", choice.name)
    }
}

fn chosen_from(choice: &Choice) -> String {
    let list = choice.option_source.as_ref();
    list.map(|list| format!(" Chosen from {}.", list.replace('_', " ")))
        .unwrap_or_default()
}

fn default(choice: &Choice) -> String {
    match &choice.default {
        Some(value) => format!(" Default: `{value}`."),
        None if choice.optional => " May be left out.".to_owned(),
        None => String::new(),
    }
}

/// The examples, by file name.
pub fn examples() -> Result<BTreeMap<String, String>> {
    let example = |recipe: &Recipe| {
        let text = recipe.render(&recipe.example());
        let text = text.map_err(|faults| anyhow!("the recipe {}: {faults}", recipe.name))?;
        let head = format!("# The recipe `{}`, filled: docs/recipes.md.\n", recipe.name);
        Ok((format!("{}.yaml", recipe.name), head + &text))
    };
    recipes().iter().map(example).collect()
}
