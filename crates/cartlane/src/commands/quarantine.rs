//! `cartlane quarantine`: list, release.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Refused deliveries, newest first.
    List,
    /// Let a refused delivery in.
    Release {
        /// Its id.
        id: String,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    match command {
        Command::List => {
            let answer = admin.get("/api/quarantine", &[]).await?;
            if as_json {
                output::json(&answer);
            } else {
                let columns = [
                    ("ID", "/id"),
                    ("RECEIVED", "/received_at"),
                    ("REASON", "/reason"),
                    ("RELEASED", "/released_at"),
                ];
                output::table(
                    answer["quarantine"].as_array().map_or(&[], Vec::as_slice),
                    &columns,
                );
            }
        }
        Command::Release { id } => {
            let answer = admin
                .post(&format!("/api/quarantine/{id}/release"), &json!({}))
                .await?;
            if as_json {
                output::json(&answer);
            } else {
                let event = answer["event_id"]
                    .as_str()
                    .unwrap_or("no event: it was a check of the address");
                output::line(&format!("let in as {event}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
