//! `cargo xtask test`: what CI runs and what a change must pass. No standard input, no network but the registries.
//!
//! A step that fails doesn't stop the next, so that one run tells everything.

mod imports;
mod sdk;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::binary::{self, Profile};
use crate::r#gen;
use crate::torture::{self, Database, Sabotage, Scenario};
use cartlane_testkit::postgres::{Cluster, SHARED_CLUSTER};

/// Options of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Leave out licences and torture: for every few minutes while working
    #[arg(long)]
    fast: bool,
}

/// Runs all steps; exit status 0 if all passed.
pub fn run(args: &Args) -> ExitCode {
    let mut steps = Steps::default();
    steps.take("format", || {
        binary::check(binary::cargo().args(["fmt", "--all", "--check"]))
    });
    steps.take("imports", imports::check);
    steps.take("generated docs", || r#gen::docs(true));
    if !args.fast {
        steps.take("licences and bans", || {
            let mut command = tools::cargo_deny()?;
            binary::check(command.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
        });
    }
    steps.take("clippy", || {
        let scope = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "xtask/bench",
        ];
        binary::check(binary::cargo().args(scope).args(["--", "-D", "warnings"]))
    });
    steps.take("tests", || {
        tools::require("initdb", "postgresql")?;
        tools::require("strace", "strace")?;
        let cluster = Cluster::start()?;
        binary::check(
            binary::cargo()
                .args(["test", "--workspace"])
                .env(SHARED_CLUSTER, cluster.base_url()),
        )
    });
    if !args.fast {
        steps.take("official SDK", sdk::check);
        small_torture(&mut steps);
    }
    steps.summary()
}

fn small_torture(steps: &mut Steps) {
    let mut program = None;
    steps.take("build with breaks", || {
        program = Some(binary::build("cartlane", Profile::Dev, &["break"])?);
        Ok(())
    });
    let Some(program) = program else { return };
    steps.take("control of the fsync test", || {
        let test = [
            "test",
            "-p",
            "cartlane",
            "--features",
            "break",
            "--test",
            "suite",
            "durable::server",
        ];
        binary::check(binary::cargo().args(test))
    });
    let runs = [
        (
            "small torture, SQLite",
            torture::Args::small(&program, Database::Sqlite, Scenario::Order),
        ),
        (
            "small torture, PostgreSQL",
            torture::Args::small(&program, Database::Postgres, Scenario::Order),
        ),
        (
            "small torture, shuffled",
            torture::Args::small(&program, Database::Sqlite, Scenario::Shuffle),
        ),
        (
            "control ack-before-commit",
            torture::Args::control(&program, Sabotage::AckBeforeCommit),
        ),
        (
            "control no-confirm",
            torture::Args::control(&program, Sabotage::NoConfirm),
        ),
        (
            "control no-lanes",
            torture::Args::control(&program, Sabotage::NoLanes),
        ),
        (
            "control no-dedupe",
            torture::Args::control(&program, Sabotage::NoDedupe),
        ),
    ];
    for (name, args) in runs {
        steps.take(name, || {
            ensure!(
                torture::run(&args)? == ExitCode::SUCCESS,
                "the verdict isn't what it should be"
            );
            Ok(())
        });
    }
}

/// What ran, and how it went.
#[derive(Default)]
struct Steps(Vec<(String, f64, Option<anyhow::Error>)>);

impl Steps {
    fn take(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        println!("\n==> {name}");
        let begun = Instant::now();
        let failed = step().err();
        let seconds = begun.elapsed().as_secs_f64();
        match &failed {
            None => println!("==> {name}: passed in {seconds:.1} s"),
            Some(error) => println!("==> {name}: FAILED after {seconds:.1} s: {error:#}"),
        }
        self.0.push((name.to_owned(), seconds, failed));
    }

    fn summary(&self) -> ExitCode {
        println!("\n{:<32} {:>8}", "step", "seconds");
        for (name, seconds, failed) in &self.0 {
            let word = if failed.is_none() { "passed" } else { "FAILED" };
            println!("{name:<32} {seconds:>8.1}  {word}");
        }
        let failed = self.0.iter().filter(|(_, _, failed)| failed.is_some()).count();
        let all: f64 = self.0.iter().map(|(_, seconds, _)| seconds).sum();
        println!("{:<32} {all:>8.1}", "all");
        println!("{} passed, {failed} failed", self.0.len() - failed);
        ExitCode::from(u8::from(failed > 0))
    }
}
