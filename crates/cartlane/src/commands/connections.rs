//! `cartlane connections`: list, test, reauthorize.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// All connections and how they are.
    List,
    /// Try a connection with one cheap call that changes nothing.
    Test {
        /// Its name.
        name: String,
    },
    /// Print the address at which a person authorizes a connection that has a client id, for the first time or anew.
    Reauthorize {
        /// Its name.
        name: String,
    },
}

/// Does it. 1 where a test fails.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    match command {
        Command::List => {
            let mut health = admin.get("/api/health", &[]).await?;
            let connections = health["connections"].take();
            if as_json {
                output::json(&json!({"connections": connections}));
            } else {
                let columns = [
                    ("NAME", "/name"),
                    ("KIND", "/kind"),
                    ("TROUBLE", "/trouble/code"),
                    ("SINCE", "/trouble/since"),
                ];
                output::table(connections.as_array().map_or(&[], Vec::as_slice), &columns);
            }
        }
        Command::Test { name } => {
            let answer = admin
                .post(&format!("/api/connections/{name}/test"), &json!({}))
                .await?;
            if as_json {
                output::json(&answer);
            } else {
                output::line(&match (&answer["works"], answer["reason"].as_str()) {
                    (Value::Bool(true), _) => format!("{name} works"),
                    (_, Some(reason)) => format!("{name} does not work: {reason}"),
                    _ => format!("{name} cannot be tried without doing something"),
                });
            }
            if answer["works"] == false {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Reauthorize { name } => {
            let path = format!("/api/connections/{name}/reauthorize");
            let answer = admin.post(&path, &json!({})).await?;
            if as_json {
                output::json(&answer);
            } else {
                let open = answer["open"].as_str().unwrap_or_default();
                output::line(&format!(
                    "open this within ten minutes, and choose the connection's location:\n{open}"
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
