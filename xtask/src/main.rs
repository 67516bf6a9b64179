//! `cargo xtask`: what a person types more than once.
//!
//! `test` is what CI runs, `demo` shows the program, `gen` makes generated files, `torture` looks for lost, doubled and
//! disordered effects under kills and faults (`torture tokens`: for what befalls tokens that expire), `bench` measures.
//! Each is a module; all but `gen` start real processes and talk to them over HTTP.
//!
//! It knows nothing of the other crates but the catalog, the functions of expressions and the recipes, whose references it
//! writes: it sees Cartlane as its users do, by
//! command line, web hook and sandbox log. Only `bench` writes runs of long ago into a store by itself.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its terminal"
)]

mod bench;
mod binary;
mod demo;
mod r#gen;
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
    Torture(torture::Command),
    /// Measure
    #[command(subcommand)]
    Bench(bench::Command),
    /// Make generated files, or check that they are up to date
    #[command(subcommand)]
    Gen(r#gen::Command),
    /// The load of `bench ingest`, as a process that can be pinned to a core
    #[command(hide = true)]
    BenchLoad(bench::load::Args),
    /// The calls of `bench runs`, made without Cartlane
    #[command(hide = true)]
    BenchBareClient(bench::bare_client::Args),
    /// The handler that only reads the body and answers 200
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BenchBareHandler(bench::bare_handler::Args),
    /// The runs that `bench runs` finds stored already
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BenchSeed(bench::seed::Args),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Test(args) => Ok(test::run(&args)),
        Command::Demo(args) => demo::run(&args),
        Command::Torture(command) => torture::run_command(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Gen(command) => r#gen::run(&command),
        Command::BenchLoad(args) => bench::load::run(&args),
        Command::BenchBareClient(args) => bench::bare_client::run(&args),
        #[cfg(feature = "bench")]
        Command::BenchBareHandler(args) => bench::bare_handler::run(&args),
        #[cfg(feature = "bench")]
        Command::BenchSeed(args) => bench::seed::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
