//! `cartlane products`: what a rule can name.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// The items that events were about and that shops with an API key sell.
    List {
        /// Of this shop alone.
        #[arg(long)]
        connection: Option<String>,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let Command::List { connection } = command;
    let admin = Admin::of(config)?;
    let answer = admin.get("/api/products", &[("connection", connection)]).await?;
    if as_json {
        output::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        ("CONNECTION", "/connection"),
        ("ITEM", "/key"),
        ("NAME", "/name"),
        ("EVENTS", "/events"),
        ("LAST SEEN", "/last_seen_at"),
        ("SOLD", "/in_shop"),
    ];
    output::table(answer["products"].as_array().map_or(&[], Vec::as_slice), &columns);
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        output::line(warning.as_str().unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}
