//! `cargo xtask`: what a person types more than once.
//!
//! `test` is what CI runs, `demo` shows the program, `torture` looks for lost, doubled and disordered effects under
//! kills and faults, `bench` measures. Each is a module; each starts real processes and talks to them over HTTP.
//!
//! It knows nothing of the other crates: it sees Cartlane as its users do, by command line, web hook and sandbox log.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its terminal"
)]

mod binary;
mod demo;
mod http;
mod processes;
mod sandbox;
mod test;
mod torture;
mod wire;

use std::process::ExitCode;

use clap::Parser;

/// Build, show, check, torture and measure Cartlane.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Run every check that a change must pass
    Test(test::Args),
    /// Build Cartlane and show it at work against its sandbox
    Demo(demo::Args),
    /// Kill servers and break connections at random, then look for lost, doubled or disordered effects
    Torture(torture::Args),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Test(args) => Ok(test::run(&args)),
        Command::Demo(args) => demo::run(&args),
        Command::Torture(args) => torture::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
