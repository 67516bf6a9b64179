//! `cartlane runs`: list, show, retry, replay.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Runs, newest first.
    List {
        /// In this state.
        #[arg(long, value_parser = ["queued", "retrying", "held", "waiting", "done", "skipped", "failed"])]
        state: Option<String>,
        /// Of this event.
        #[arg(long)]
        event: Option<String>,
        /// Of the automation with this id.
        #[arg(long)]
        automation: Option<String>,
        /// The page after this run.
        #[arg(long)]
        before: Option<String>,
        /// How many at the most.
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// One run with its steps and its calls.
    Show {
        /// Its id.
        id: String,
    },
    /// Run the event of a run that is over again from the start, by its automation as it is now; effects that were made are
    /// not repeated.
    Replay {
        /// Its id.
        id: String,
    },
    /// Queue failed runs again from their failed step, behind their contacts' newer runs: one, or all that fit.
    Retry {
        /// The id of one.
        #[arg(required_unless_present_any = ["all", "automation", "event"])]
        id: Option<String>,
        /// All failed runs.
        #[arg(long, conflicts_with = "id")]
        all: bool,
        /// The failed runs of the automation with this id.
        #[arg(long, conflicts_with = "id")]
        automation: Option<String>,
        /// The failed runs of this event.
        #[arg(long, conflicts_with = "id")]
        event: Option<String>,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    match command {
        Command::List {
            state,
            event,
            automation,
            before,
            limit,
        } => {
            let limit = Some(limit.to_string());
            let query = [
                ("state", state),
                ("event", event),
                ("automation", automation),
                ("before", before),
                ("limit", limit),
            ];
            print(&admin.get("/api/runs", &query).await?, as_json);
        }
        Command::Show { id } => output::json(&admin.get(&format!("/api/runs/{id}"), &[]).await?),
        Command::Replay { id } => {
            let answer = admin.post(&format!("/api/runs/{id}/replay"), &json!({})).await?;
            if as_json {
                output::json(&answer);
            } else {
                super::events::print_replayed(&answer);
            }
        }
        Command::Retry { id: Some(id), .. } => retried(
            &admin.post(&format!("/api/runs/{id}/retry"), &json!({})).await?,
            as_json,
        ),
        Command::Retry {
            automation, event, ..
        } => {
            let wanted = json!({"automation": automation, "event": event});
            let answer = admin.post("/api/runs/retry", &wanted).await?;
            if as_json {
                output::json(&answer);
            } else {
                output::line(&format!("{} runs are queued again", answer["queued"]));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    let columns = [
        ("ID", "/id"),
        ("AUTOMATION", "/automation"),
        ("STATE", "/state"),
        ("TRIES", "/attempts"),
        ("EVENT", "/event_id"),
        ("WARNINGS", "/warnings"),
        ("ERROR", "/error"),
    ];
    output::table(answer["runs"].as_array().map_or(&[], Vec::as_slice), &columns);
}

fn retried(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    let after: Vec<&str> = answer["after"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    output::line("queued again");
    if !after.is_empty() {
        output::line(&format!(
            "it comes after these newer runs of the same contact: {}",
            after.join(", ")
        ));
    }
}
