//! `cargo xtask demo`: builds the program and hands over to `cartlane demo`.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::binary::{self, Profile};

/// Options of `demo`.
#[derive(clap::Args)]
pub struct Args {
    /// End with status 0 when the sample deliveries are processed, instead of staying up until Ctrl-C
    #[arg(long)]
    exit_when_done: bool,
}

/// Builds without optimisation, because a first look should come soon.
pub fn run(args: &Args) -> Result<ExitCode> {
    let program = binary::build("cartlane", Profile::Dev, &[])?;
    let mut command = std::process::Command::new(program);
    command
        .arg("demo")
        .args(args.exit_when_done.then_some("--exit-when-done"));
    let status = command.status().context("starting cartlane demo")?;
    // Ended by a signal: Ctrl-C reaches both of us, and is how a demo ends.
    let code = status.code().map_or(0, |code| u8::try_from(code).unwrap_or(1));
    Ok(ExitCode::from(code))
}
