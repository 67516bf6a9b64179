//! `cartlane ops call`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cartlane_catalog::{Cursor, Operation};
use serde_json::{Map, Value, json};

use super::{find, given};
use crate::admin::Admin;
use crate::output::{self, BadUsage};

/// Which call.
#[derive(clap::Args)]
pub struct Arguments {
    /// The operation's id.
    id: String,
    /// The inputs as a JSON object, from a file; `-` is standard input. `--input` comes on top.
    file: Option<PathBuf>,
    /// The connection's name or id.
    #[arg(long)]
    connection: String,
    /// An input: name=value. Values of inputs that are no text are JSON; a file is name=@PATH, or name=PART@PATH where the
    /// form wants a name for it. May be given again and again.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Say which request would be sent, without sending it.
    #[arg(long)]
    dry_run: bool,
    /// Read all pages of a list, and print each item as one line of JSON.
    #[arg(long, conflicts_with = "dry_run")]
    all: bool,
}

/// Makes it.
pub async fn run(arguments: &Arguments, config: &Path, as_json: bool) -> anyhow::Result<()> {
    let operation = find(&arguments.id)?;
    let inputs = inputs(arguments, operation)?;
    let admin = Admin::of(config)?;
    if arguments.all {
        return all_pages(&admin, arguments, operation, &inputs).await;
    }
    let answer = call(&admin, arguments, &inputs).await?;
    if as_json {
        output::json(&answer);
    } else if arguments.dry_run {
        let request = &answer["request"];
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        output::line(&format!("{} {}", text("method"), text("path")));
        // Only GHL's requests have one.
        if !text("version").is_empty() {
            output::line(&format!("Version: {}", text("version")));
        }
        if !request["body"].is_null() {
            output::json(&request["body"]);
        }
    } else {
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            output::warning(warning.as_str().unwrap_or_default());
        }
        output::json(&answer["output"]);
    }
    Ok(())
}

async fn call(admin: &Admin, arguments: &Arguments, inputs: &Value) -> anyhow::Result<Value> {
    let body = json!({"connection": arguments.connection, "inputs": inputs, "dry_run": arguments.dry_run});
    admin
        .post(&format!("/api/operations/{}/call", arguments.id), &body)
        .await
}

/// One page at a time, here and in the server.
async fn all_pages(
    admin: &Admin,
    arguments: &Arguments,
    operation: &'static Operation,
    inputs: &Value,
) -> anyhow::Result<()> {
    let mut cursor = Cursor::new(operation, inputs).ok_or_else(|| {
        BadUsage(format!(
            "the answer of {} is no list; leave out --all",
            operation.id
        ))
    })?;
    while let Some(inputs) = cursor.inputs().cloned() {
        let answer = call(admin, arguments, &inputs).await?;
        for item in cursor.turn(&answer["output"]) {
            output::line(&item.to_string());
        }
    }
    Ok(())
}

/// The inputs of the file, and those that are given one by one.
fn inputs(arguments: &Arguments, operation: &Operation) -> anyhow::Result<Value> {
    let mut inputs = match &arguments.file {
        Some(path) => read(path)?,
        None => Map::new(),
    };
    inputs.extend(given(&arguments.inputs, operation)?);
    Ok(inputs.into())
}

fn read(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    }
    let inputs: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    match inputs {
        Value::Object(inputs) => Ok(inputs),
        _ => Err(BadUsage(format!("{} holds no JSON object", path.display())).into()),
    }
}
