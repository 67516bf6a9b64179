//! `cartlane automations`: list, show, plan.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use serde_json::Value;

use crate::admin::Admin;
use crate::output;

/// What to look at.
#[derive(Subcommand)]
pub enum Command {
    /// All automations in the order in which they handle an event.
    List,
    /// One automation's document.
    Show {
        /// Its name or id.
        name: String,
    },
    /// What the automations would do with an event, without doing it.
    Plan {
        /// The event's id.
        event: String,
    },
}

/// Looks.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    match command {
        Command::List => list(&admin.get("/api/automations", &[]).await?, as_json),
        Command::Show { name } => show(&admin.get("/api/automations", &[]).await?, &name)?,
        Command::Plan { event } => {
            plan(
                &admin.get(&format!("/api/events/{event}/plan"), &[]).await?,
                as_json,
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(answer: &Value) -> &[Value] {
    answer["automations"].as_array().map_or(&[], Vec::as_slice)
}

fn list(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    let columns = [
        ("ID", "/id"),
        ("NAME", "/name"),
        ("ON", "/document/on"),
        ("VERSION", "/version"),
        ("ENABLED", "/enabled"),
    ];
    output::table(rows(answer), &columns);
}

fn show(answer: &Value, name: &str) -> anyhow::Result<()> {
    match rows(answer)
        .iter()
        .find(|row| row["name"] == name || row["id"] == name)
    {
        Some(row) => output::json(&row["document"]),
        None => bail!("there is no automation `{name}`; `cartlane automations list` lists what there is"),
    }
    Ok(())
}

fn plan(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    if rows(answer).is_empty() {
        output::line("no automation listens to this event");
    }
    for automation in rows(answer) {
        output::line(automation["automation"].as_str().unwrap_or_default());
        for step in automation["steps"].as_array().into_iter().flatten() {
            let id = step["step"].as_str().unwrap_or_default();
            match step["skipped"].as_str() {
                Some(reason) => output::line(&format!("  {id}: left out: {reason}")),
                None => output::line(&format!(
                    "  {id}: {} {}",
                    step["operation"].as_str().unwrap_or_default(),
                    step["inputs"]
                )),
            }
        }
        output::line(&format!("  => {}", automation["ending"]));
    }
}
