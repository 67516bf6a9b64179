//! `cartlane ops`: list, show, call.

mod call;
mod list;
mod show;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use cartlane_catalog::{Catalog, Kind, Operation, Type};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value};

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
        Ok((name.to_owned(), as_meant(operation, name, value)))
    };
    arguments.iter().map(input).collect()
}

/// A value as the type that its input has. A list of texts may be written with commas.
fn as_meant(operation: &Operation, name: &str, value: &str) -> Value {
    let text = || Value::from(value);
    let Some(input) = operation.input(name) else {
        return text();
    };
    match input.shape.kind() {
        Type::String => text(),
        Type::Array => serde_json::from_str(value).unwrap_or_else(|_| {
            let items = value.split(',').map(|item| Value::from(item.trim()));
            items.collect()
        }),
        _ => serde_json::from_str(value).unwrap_or_else(|_| text()),
    }
}
