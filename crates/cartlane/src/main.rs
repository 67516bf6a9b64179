//! The cartlane program: one binary, one file per sub-command in [`commands`].
//!
//! This crate alone reads the environment, the system clock and the command line; everything else is told.

mod admin;
mod clock;
mod commands;
mod config;
mod master_key;
mod output;

use std::process::ExitCode;

use clap::Parser;

/// Many small texts come and go with each delivery; this one is measurably faster at that than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Brings ThriveCart's orders to GoHighLevel: durable, once, in order.
#[derive(Parser)]
#[command(name = "cartlane", version, max_term_width = 110)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = config::DEFAULT_PATH, env = "CARTLANE_CONFIG")]
    config: std::path::PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// In whose name changes are made; the user's own name where it is not given.
    #[arg(long, global = true, value_name = "NAME", env = "CARTLANE_AUTHOR")]
    author: Option<String>,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(author) = arguments.author {
        admin::speak_for(author);
    }
    cartlane_outbound::install_crypto_provider();
    match commands::run(arguments.command, &arguments.config, arguments.json) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error, arguments.json);
            output::code_of(&error)
        }
    }
}
