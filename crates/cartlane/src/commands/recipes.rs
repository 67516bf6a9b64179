//! `cartlane recipes`: list, show, apply.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use cartlane_catalog::Catalog;
use cartlane_flow::names::nearest;
use cartlane_flow::{Document, Recipe, recipe, recipes};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::output::{self, BadUsage};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// All recipes.
    List,
    /// What a recipe is for and what it asks, and the document with its examples.
    Show {
        /// Its name.
        name: String,
    },
    /// Save a recipe's automation, filled with your choices.
    Apply {
        /// Its name.
        name: String,
        /// A choice, `workflow=6dvNaf7VhkQ9snc5vnjJ`; of a list, its texts with commas between. May be given again.
        #[arg(long = "set", value_name = "CHOICE=VALUE")]
        set: Vec<String>,
        /// Let it begin disabled.
        #[arg(long)]
        disabled: bool,
        /// Let it go live although it is not green, and keep why.
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
        /// Print the document instead of saving it; needs no server.
        #[arg(long)]
        print: bool,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => list(as_json),
        Command::Show { name } => show(find(&name)?, as_json),
        Command::Apply {
            name,
            set,
            disabled,
            override_reason,
            print,
        } => {
            let recipe = find(&name)?;
            let text = recipe.render(&choices(recipe, &set)?).map_err(|faults| {
                BadUsage(format!(
                    "{faults}; `cartlane recipes show {name}` tells what it asks"
                ))
            })?;
            let document = Document::from_yaml(&text, Catalog::builtin())?.to_json();
            let how = json!({"disabled": disabled, "override": override_reason});
            if print {
                output::line(text.trim_end());
                return Ok(ExitCode::SUCCESS);
            }
            return super::apply::save(&[document], how, config, as_json).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> anyhow::Result<&'static Recipe> {
    if let Some(recipe) = recipe(name) {
        return Ok(recipe);
    }
    match nearest(name, recipes().iter().map(|recipe| recipe.name)) {
        Some(near) => bail!("there is no recipe `{name}`; did you mean `{near}`?"),
        None => bail!("there is no recipe `{name}`; `cartlane recipes list` lists what there is"),
    }
}

/// The choices that were given, each as its kind is written.
fn choices(recipe: &Recipe, set: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut choices = Map::new();
    for given in set {
        let Some((name, text)) = given.split_once('=') else {
            bail!(BadUsage(format!("--set {given}: give CHOICE=VALUE")));
        };
        let kind = recipe.choices.iter().find(|choice| choice.name == name);
        let kind = kind.map(|choice| choice.kind).unwrap_or_default();
        let value = kind
            .read(text)
            .ok_or_else(|| BadUsage(format!("--set {given}: `{name}` takes {}", kind.describe())))?;
        choices.insert(name.to_owned(), value);
    }
    Ok(choices)
}

fn list(as_json: bool) {
    let rows: Vec<Value> = recipes()
        .iter()
        .map(|recipe| json!({"name": recipe.name, "title": recipe.title, "description": recipe.description}))
        .collect();
    if as_json {
        return output::json(&json!({"recipes": rows}));
    }
    output::table(&rows, &[("RECIPE", "/name"), ("TITLE", "/title")]);
}

fn show(recipe: &Recipe, as_json: bool) {
    let document = recipe.render(&recipe.example()).unwrap_or_default();
    let choices = recipe.choices.iter().map(|choice| {
        json!({
            "name": choice.name, "label": choice.label, "help": choice.help, "takes": choice.kind.describe(),
            "option_source": choice.option_source, "default": choice.default, "optional": choice.optional,
        })
    });
    let choices: Vec<Value> = choices.collect();
    if as_json {
        return output::json(&json!({
            "name": recipe.name, "title": recipe.title, "description": recipe.description, "choices": choices,
            "example": document,
        }));
    }
    output::line(&format!("{}: {}\n", recipe.title, recipe.description));
    for choice in &recipe.choices {
        let value = match &choice.default {
            Some(value) => format!("{value} unless chosen"),
            None if choice.optional => "may be left out".into(),
            None => "must be chosen".into(),
        };
        output::line(&format!(
            "  {} ({}): {}",
            choice.name,
            choice.kind.describe(),
            value
        ));
        let list = choice.option_source.as_ref();
        let list = list.map(|list| format!(" From the location's {}.", list.replace('_', " ")));
        output::line(&format!(
            "      {}. {}{}",
            choice.label,
            choice.help,
            list.unwrap_or_default()
        ));
    }
    output::line(&format!("\n{}", document.trim_end()));
}
