//! `cartlane ops`: list, show, call.

mod call;
mod list;
mod show;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use cartlane_catalog::{Catalog, Kind, Operation};
use clap::{Subcommand, ValueEnum};

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
