//! `cartlane audit`: who changed what.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::moment;
use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Changes of automations, connections and secrets, newest first.
    List(List),
}

/// Which entries.
#[derive(Args)]
pub struct List {
    /// By this one.
    #[arg(long)]
    actor: Option<String>,
    /// Of this kind: automation.saved, or all that begin so, such as automation.
    #[arg(long)]
    action: Option<String>,
    /// About this automation or connection.
    #[arg(long)]
    subject: Option<String>,
    /// From this moment on: a date, a moment or an age (2h, 3d).
    #[arg(long, value_parser = moment)]
    from: Option<i64>,
    /// Before this moment.
    #[arg(long, value_parser = moment)]
    to: Option<i64>,
    /// Older than the entry of this number.
    #[arg(long)]
    before: Option<i64>,
    /// How many at the most.
    #[arg(long, default_value_t = 50)]
    limit: i64,
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let Command::List(list) = command;
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let query = [
        ("actor", list.actor),
        ("action", list.action),
        ("subject", list.subject),
        ("from", number(list.from)),
        ("to", number(list.to)),
        ("before", number(list.before)),
        ("limit", Some(list.limit.to_string())),
    ];
    let answer = Admin::of(config)?.get("/api/audit", &query).await?;
    if as_json {
        output::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        ("NUMBER", "/number"),
        ("AT", "/at"),
        ("WHO", "/actor"),
        ("DID", "/action"),
        ("TO", "/subject"),
        ("DETAIL", "/detail"),
    ];
    let rows: &[Value] = answer["entries"].as_array().map_or(&[], Vec::as_slice);
    output::table(rows, &columns);
    Ok(ExitCode::SUCCESS)
}
