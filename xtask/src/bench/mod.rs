//! `cargo xtask bench`: measures release builds as real processes, the server on one core and all that plays the world
//! around it on another, and prints tables for `docs/benchmarks.md`.

mod backtest;
pub mod bare_client;
#[cfg(feature = "bench")]
pub mod bare_handler;
mod budget;
mod calls;
mod ingest;
mod list;
pub mod load;
mod machine;
mod runs;
#[cfg(feature = "bench")]
pub mod seed;
mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::binary::{self, Profile};
use crate::processes::{Credential, Setup};

/// The core of the server under test (and of its PostgreSQL).
const SERVER_CORE: u32 = 0;
/// The core of the load and of GHL's stand-in.
const WORLD_CORE: u32 = 1;

/// What to measure.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Durable deliveries per second, beside a handler that only reads the body
    Ingest(ingest::Args),
    /// Three-step runs per second, beside a client that makes the same calls
    Runs(runs::Args),
    /// Share of GHL's budget that a backlog uses, and whether it is ever overdrawn
    Budget(budget::Args),
    /// A draft held against 10,000 stored events
    Backtest(backtest::Args),
    /// Calls to GHL per event, beside those of a client that remembers nothing
    Calls(calls::Args),
    /// A location's 167,623 contacts, each listed once, in bounded memory
    List(list::Args),
}

/// Measures; exit status 0 whatever the figures are.
pub fn run(command: &Command) -> Result<ExitCode> {
    if let Command::List(args) = command {
        println!("{}", machine::describe()?);
        on_runtime(list::run(args))?;
        return Ok(ExitCode::SUCCESS);
    }
    let programs = Programs::build()?;
    println!("{}", machine::describe()?);
    match command {
        Command::Ingest(args) => ingest::run(args, &programs)?,
        Command::Runs(args) => on_runtime(runs::run(args, &programs))?,
        Command::Budget(args) => on_runtime(budget::run(args, &programs))?,
        Command::Backtest(args) => on_runtime(backtest::run(args, &programs))?,
        Command::Calls(args) => on_runtime(calls::run(args, &programs))?,
        Command::List(_) => {} // measured above: it needs none of these programs
    }
    Ok(ExitCode::SUCCESS)
}

/// The programs that take part, optimised.
struct Programs {
    cartlane: PathBuf,
    xtask: PathBuf,
}

impl Programs {
    fn build() -> Result<Self> {
        let cartlane = binary::build("cartlane", Profile::Release, &[])?;
        Ok(Self {
            cartlane,
            xtask: binary::build("xtask", Profile::Release, &["bench"])?,
        })
    }

    /// Runs one of this program's hidden parts on `core` to its end; what it printed, as JSON.
    async fn part<T: DeserializeOwned>(&self, core: u32, arguments: &[String]) -> Result<T> {
        let mut command = self.part_command(core);
        let output = command
            .args(arguments)
            .stderr(std::process::Stdio::inherit())
            .output()
            .await?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} printed no figures"))
    }

    fn part_command(&self, core: u32) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("taskset");
        command
            .args(["--cpu-list", &core.to_string()])
            .arg(&self.xtask)
            .kill_on_drop(true);
        command.stdin(std::process::Stdio::null());
        command
    }

    /// A server that is pinned to its core; further limits are the defaults.
    fn setup(&self, directory: &Path, database_url: String, sandbox: std::net::SocketAddr) -> Setup {
        Setup {
            program: self.cartlane.clone(),
            directory: directory.to_owned(),
            database_url,
            sandbox,
            credential: Credential::Token,
            sabotage: None,
            limits: String::new(),
            core: Some(SERVER_CORE),
        }
    }
}

/// A limit that nobody reaches. Not none: without rate headers Cartlane keeps to the documented limit.
fn no_limit() -> Value {
    json!({"max": 1_000_000, "interval_ms": 1_000, "daily": 1_000_000_000_000_u64})
}

/// An empty directory on the disk that is measured.
fn fresh_directory(name: &str) -> Result<PathBuf> {
    let path = binary::scratch(name)?;
    std::fs::remove_dir_all(&path)?;
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

fn on_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The middle one; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
