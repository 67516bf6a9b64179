//! `cartlane automations test`: what an automation does with recorded payloads, in a house that is thrown away; or on a live
//! account, with one test contact.
//!
//! ```text
//! automation ─► its recipe's payloads, else one for each of its triggers ─► house ─► run ─► calls, effects, read-back
//!                                                              --against ─► the server's engine, `engine::trial`
//! ```

mod case;
mod expected;
mod house;
mod listener;
pub(super) mod payload;
pub(super) mod print;
mod stand_ins;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartlane_catalog::Catalog;
use cartlane_engine::Sender;
use cartlane_flow::names::nearest;
use cartlane_flow::recipe::Happening;
use cartlane_flow::{Document, Recipe, recipes};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::output::{self, BadUsage};
use case::Case;
use payload::Payload;

/// What to try, on what.
#[derive(clap::Args)]
pub struct Arguments {
    /// The automation's name or id.
    #[arg(required_unless_present_any = ["all", "from"])]
    name: Option<String>,
    /// All automations, the disabled ones too.
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// The documents of this file or directory instead of the server's; needs no server.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["name", "all", "against"])]
    from: Option<PathBuf>,
    /// On the payload in this file, instead of recorded ones of the automation's kinds of event.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// On the live account of this GHL connection, with the test contact in the place of the event's person.
    #[arg(long, value_name = "CONNECTION", requires = "contact", conflicts_with = "all")]
    against: Option<String>,
    /// The test contact's e-mail.
    #[arg(long, value_name = "EMAIL", requires = "against")]
    contact: Option<String>,
}

/// Tries them. 1 where a run failed, or did not do what its recipe says.
pub async fn run(arguments: &Arguments, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let documents = documents(arguments, config).await?;
    let mut failed = 0;
    let mut told = Vec::new();
    for document in &documents {
        let name = document["name"].as_str().unwrap_or_default();
        if !as_json {
            output::line(name);
        }
        let mut cases = Vec::new();
        for case in cases_of(document, arguments.event.as_deref())? {
            let case = match (&arguments.against, &arguments.contact) {
                (Some(connection), Some(contact)) => {
                    live(config, document, &case.payload, connection, contact).await?
                }
                _ => case::run(document, case).await?,
            };
            failed += usize::from(!case["problem"].is_null());
            if !as_json {
                print::case(&case);
            }
            cases.push(case);
        }
        told.push(json!({"automation": name, "cases": cases}));
    }
    if as_json {
        output::json(&json!({"automations": told, "failed": failed}));
    } else {
        let cases: usize = told
            .iter()
            .map(|one| one["cases"].as_array().map_or(0, Vec::len))
            .sum();
        output::line(&format!(
            "{} automations, {cases} events, {failed} failed",
            told.len()
        ));
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The documents to try.
async fn documents(arguments: &Arguments, config: &Path) -> anyhow::Result<Vec<Value>> {
    if let Some(path) = &arguments.from {
        return super::apply::read(path);
    }
    let answer = Admin::of(config)?.get("/api/automations", &[]).await?;
    let rows = answer["automations"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(name) = &arguments.name else {
        return Ok(rows.iter().map(|row| row["document"].clone()).collect());
    };
    if let Some(row) = rows.iter().find(|row| row["name"] == *name || row["id"] == *name) {
        return Ok(vec![row["document"].clone()]);
    }
    let names = rows.iter().filter_map(|row| row["name"].as_str());
    match nearest(name, names) {
        Some(near) => bail!("there is no automation `{name}`; did you mean `{near}`?"),
        None => bail!("there is no automation `{name}`; `cartlane automations list` lists what there is"),
    }
}

/// What a document is tried on: the given file; else what its recipe says, for an automation with a recipe's title; else
/// one payload of each kind. What has none is told as such.
fn cases_of(document: &Value, file: Option<&Path>) -> anyhow::Result<Vec<Case>> {
    if let Some(path) = file {
        return Ok(vec![Payload::of_file(path)?.into()]);
    }
    let triggers = Document::from_json(document, Catalog::builtin())?.on;
    let recipe = recipes().iter().find(|recipe| document["name"] == *recipe.title);
    if let Some(recipe) = recipe {
        let is_example = is_example(recipe, document);
        let trials = recipe
            .tests
            .iter()
            .filter_map(|trial| Some((trial, triggers.iter().find(|on| on.kind() == trial.on)?)));
        let cases = trials.map(|(trial, on)| {
            let lacking = "a recipe is tried on a kind without payload";
            let payload = |happening: &Happening| {
                let mut payload = Payload::of_kind(&happening.on).context(lacking)?;
                payload.set(&happening.set);
                anyhow::Ok(payload)
            };
            let meanwhile = |other: &Happening| anyhow::Ok((other.during.clone(), payload(other)?));
            let mut tried = Payload::of(on).context(lacking)?;
            tried.set(&trial.set);
            Ok(Case {
                earlier: trial.earlier.iter().map(payload).collect::<Result<_, _>>()?,
                meanwhile: trial.meanwhile.iter().map(meanwhile).collect::<Result<_, _>>()?,
                before: trial.before.clone(),
                subscriptions: trial.subscriptions,
                payload: tried,
                // Other choices do other steps.
                done: is_example.then(|| trial.done.clone()),
                effects: trial.effects.clone().filter(|_| is_example),
            })
        });
        let cases = cases.collect::<anyhow::Result<Vec<_>>>()?;
        if !cases.is_empty() {
            return Ok(cases);
        }
    }
    let found: Vec<Case> = triggers.iter().filter_map(Payload::of).map(Case::from).collect();
    if found.is_empty() {
        let name = &document["name"];
        return Err(BadUsage(format!(
            "nobody has recorded an event that {name} runs on; give one with --event FILE"
        ))
        .into());
    }
    Ok(found)
}

/// Whether a document is its recipe's example: then it must do what the recipe says.
fn is_example(recipe: &Recipe, document: &Value) -> bool {
    let text = recipe.render(&recipe.example());
    let example = text.and_then(|text| Document::from_yaml(&text, Catalog::builtin()));
    example.is_ok_and(|example| example.to_json() == *document)
}

/// A case on a live account, by the running server.
async fn live(
    config: &Path,
    document: &Value,
    payload: &Payload,
    connection: &str,
    contact: &str,
) -> anyhow::Result<Value> {
    let sender = match payload.sender {
        Some(Sender::ThriveCart) => "thrivecart",
        Some(Sender::Ghl) => "ghl",
        None => "cartlane",
    };
    let body = payload
        .sender
        .map_or_else(|| payload.own(), |_| payload.body.clone());
    let asked = json!({
        "document": document, "sender": sender, "payload": body, "connection": connection, "contact": contact,
    });
    let mut case = Admin::of(config)?.post("/api/automations/trial", &asked).await?;
    case["origin"] = payload.origin.as_str().into();
    let ending = &case["ending"];
    if ending["failed_at"].is_string() || ending["fault"].is_string() {
        case["problem"] = format!("it failed: {ending}").into();
    }
    Ok(case)
}
