//! The sub-commands, one file each.

mod apply;
mod audit;
mod automations;
mod backtest;
mod connections;
mod demo;
mod doctor;
mod events;
mod ops;
mod plan;
mod polls;
mod products;
mod quarantine;
mod recipes;
mod runs;
mod sandbox;
mod send;
mod serve;
mod trial;
mod vault;
mod version;
mod versions;
mod workspace;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(serve::Arguments),
    /// Run server, sandbox and sample traffic on this machine.
    Demo(demo::Arguments),
    /// Post a recorded payload as `ThriveCart` does.
    Send(send::Arguments),
    /// Run an emulator of an outside account.
    Sandbox(sandbox::Arguments),
    /// Save automations from a file or a directory.
    Apply(apply::Arguments),
    /// Look at automations and their versions, enable, disable, roll back, copy or remove them.
    #[command(subcommand)]
    Automations(automations::Command),
    /// Automations that are ready but for a few choices.
    #[command(subcommand)]
    Recipes(recipes::Command),
    /// Write the workspace to a file: automations, and connections without their secrets.
    Export(workspace::Export),
    /// Bring an exported workspace in: all of it or, where anything is wrong with it, nothing.
    Import(workspace::Import),
    /// Look at who changed what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at events, replay them.
    #[command(subcommand)]
    Events(events::Command),
    /// Look at runs, retry failed ones.
    #[command(subcommand)]
    Runs(runs::Command),
    /// Look at connections, try one, authorize one.
    #[command(subcommand)]
    Connections(connections::Command),
    /// Look at operations, call one.
    #[command(subcommand)]
    Ops(ops::Command),
    /// Look at what is polled, and what that costs.
    #[command(subcommand)]
    Polls(polls::Command),
    /// Look at what a rule can name.
    #[command(subcommand)]
    Products(products::Command),
    /// Look at refused deliveries, let them in.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// The key that seals what is kept secret.
    #[command(subcommand)]
    Vault(vault::Command),
    /// Check the configuration and the running server.
    Doctor,
    /// Print the version.
    Version,
}

/// Carries out a command.
pub fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, config, as_json),
        Command::Demo(arguments) => demo::run(&arguments, as_json),
        Command::Send(arguments) => send::run(&arguments, as_json),
        Command::Sandbox(arguments) => sandbox::run(&arguments, as_json),
        Command::Apply(arguments) => block_on(apply::run(&arguments, config, as_json)),
        Command::Automations(command) => block_on(automations::run(command, config, as_json)),
        Command::Recipes(command) => block_on(recipes::run(command, config, as_json)),
        Command::Export(arguments) => block_on(workspace::export(&arguments, config, as_json)),
        Command::Import(arguments) => block_on(workspace::import(&arguments, config, as_json)),
        Command::Audit(command) => block_on(audit::run(command, config, as_json)),
        Command::Events(command) => block_on(events::run(command, config, as_json)),
        Command::Runs(command) => block_on(runs::run(command, config, as_json)),
        Command::Connections(command) => block_on(connections::run(command, config, as_json)),
        Command::Ops(command) => block_on(ops::run(command, config, as_json)),
        Command::Polls(command) => block_on(polls::run(command, config, as_json)),
        Command::Products(command) => block_on(products::run(command, config, as_json)),
        Command::Quarantine(command) => block_on(quarantine::run(command, config, as_json)),
        Command::Vault(command) => block_on(vault::run(command, config, as_json)),
        Command::Doctor => block_on(doctor::run(config, as_json)),
        Command::Version => Ok(version::run(as_json)),
    }
}

/// Runs a client's future to its end.
fn block_on(future: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// A moment on the command line: `2026-11-23`, `2026-11-23T08:00:00Z`, or `2h`, `3d` ago.
fn moment(text: &str) -> Result<i64, String> {
    use cartlane_model::Clock;
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let zoned = date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|error| error.to_string())?;
        return Ok(zoned.timestamp().as_millisecond());
    }
    let unit_ms = match text.chars().last() {
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => 0,
    };
    match text
        .get(..text.len().saturating_sub(1))
        .and_then(|number| number.parse::<i64>().ok())
    {
        Some(number) if unit_ms > 0 => Ok(crate::clock::SystemClock.now().0 - number * unit_ms),
        _ => Err("give a date (2026-11-23), a moment (2026-11-23T08:00:00Z) or an age (30m, 2h, 3d)".into()),
    }
}
