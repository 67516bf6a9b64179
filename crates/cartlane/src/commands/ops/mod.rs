//! `cartlane ops`: list, show, call.

mod call;
mod list;
mod show;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_catalog::{Catalog, Kind, Operation, Shape, Type, uploads};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use crate::output::BadUsage;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// The operations, in the order of the published list; those that it leaves out follow. Needs no server.
    List(list::Arguments),
    /// One operation: what it takes, which scopes it needs, an example. Needs no server, but for `--connection`.
    Show(show::Arguments),
    /// Do an operation through the running server, inside GHL's limits.
    Call(call::Arguments),
}

/// What an operation is for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindIn {
    /// Reads what can be watched.
    Trigger,
    /// Changes something.
    Action,
    /// Reads something.
    Lookup,
}

impl From<KindIn> for Kind {
    fn from(kind: KindIn) -> Self {
        match kind {
            KindIn::Trigger => Self::Trigger,
            KindIn::Action => Self::Action,
            KindIn::Lookup => Self::Lookup,
        }
    }
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(arguments) => list::run(&arguments, as_json)?,
        Command::Show(arguments) => show::run(&arguments, config, as_json).await?,
        Command::Call(arguments) => call::run(&arguments, config, as_json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The operation with this id.
fn find(id: &str) -> anyhow::Result<&'static Operation> {
    let catalog = Catalog::builtin();
    match (catalog.get(id), catalog.nearest(id)) {
        (Some(operation), _) => Ok(operation),
        (None, Some(near)) => bail!("there is no operation `{id}`; did you mean `{near}`?"),
        (None, None) => bail!("there is no operation `{id}`; `cartlane ops list` lists what there is"),
    }
}

/// The inputs of `--input name=value`.
fn given(arguments: &[String], operation: &Operation) -> anyhow::Result<Map<String, Value>> {
    let input = |given: &String| {
        let (name, value) = given
            .split_once('=')
            .ok_or_else(|| BadUsage(format!("`{given}` is not of the form name=value")))?;
        Ok((name.to_owned(), as_meant(operation, name, value)?))
    };
    arguments.iter().map(input).collect()
}

/// A value as the type that its input has. A list of texts may be written with commas; a file is `@path`, and
/// `part@path` where its part of the form has a name of its own.
fn as_meant(operation: &Operation, name: &str, value: &str) -> anyhow::Result<Value> {
    let text = || Value::from(value);
    let Some(input) = operation.input(name) else {
        return Ok(text());
    };
    let is_file = |shape: &Shape| shape.format.as_deref() == Some(uploads::FILE);
    match &input.shape.items {
        _ if is_file(&input.shape) && value.contains('@') => return file(value),
        Some(items) if is_file(items) && value.contains('@') => return value.split(',').map(file).collect(),
        _ => {}
    }
    if value == "null" && input.shape.nullable {
        return Ok(Value::Null);
    }
    Ok(match input.shape.kind() {
        Type::String => text(),
        Type::Array => serde_json::from_str(value).unwrap_or_else(|_| {
            let items = value.split(',').map(|item| Value::from(item.trim()));
            items.collect()
        }),
        _ => serde_json::from_str(value).unwrap_or_else(|_| text()),
    })
}

/// The file of `@path` or `part@path`, as an input has it.
fn file(given: &str) -> anyhow::Result<Value> {
    let (part, path) = given.split_once('@').unwrap_or(("", given));
    let bytes = std::fs::read(path).with_context(|| format!("the file `{path}`"))?;
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy());
    let mut file = json!({"name": name, "base64": STANDARD.encode(bytes)});
    if !part.is_empty() {
        file["part"] = part.into();
    }
    Ok(file)
}
