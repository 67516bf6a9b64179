//! `bench backtest`: a draft held against stored events with their runs.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::runs::{AUTOMATION, until_drained};
use super::{Programs, WORLD_CORE, load, median};
use crate::processes::HOOK_PATH;
use crate::sandbox::Sandbox;

/// Options of `bench backtest`.
#[derive(clap::Args)]
pub struct Args {
    /// Stored events, each with its run
    #[arg(long, default_value_t = 10_000)]
    events: u32,
    /// Backtests that are timed; the figure is their median
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// Measures and prints.
pub async fn run(args: &Args, programs: &Programs) -> Result<()> {
    let directory = super::fresh_directory("bench-backtest")?;
    let sandbox = Sandbox::start(
        &programs.cartlane,
        &directory,
        Some(WORLD_CORE),
        &json!({"limit": super::no_limit(), "log": false}),
    )
    .await?;
    let mut setup = programs.setup(&directory, "sqlite://cartlane.db".to_owned(), sandbox.address);
    "workers = 32\ninbox_waiting = 100000\n".clone_into(&mut setup.limits);
    let mut server = setup.server(0)?;
    let (saved, draft) = (directory.join("saved.yaml"), directory.join("draft.yaml"));
    std::fs::write(&saved, AUTOMATION)?;
    std::fs::write(&draft, AUTOMATION.replace("[customer]", "[client]"))?;
    server.start().await?;
    server.run(&["apply", &saved.to_string_lossy()]).await?;
    let load = load::Args {
        address: server.address,
        path: HOOK_PATH.to_owned(),
        connections: 50,
        warm_up: 0.0,
        seconds: 300.0,
        requests: u64::from(args.events),
        first: 1,
    };
    let sent: load::Figures = programs.part(WORLD_CORE, &load.words()).await?;
    ensure!(sent.refused == 0, "{} deliveries were refused", sent.refused);
    until_drained(&sandbox, args.events).await?;
    println!(
        "\n{} events with their runs, SQLite; median of {}.\n",
        args.events, args.rounds
    );
    println!("| draft | events | as before | differently | seconds |\n|---|---:|---:|---:|---:|");
    for (name, file) in [("the same", &saved), ("another tag", &draft)] {
        let mut seconds = Vec::new();
        let mut told = json!(null);
        for _ in 0..args.rounds {
            let begun = Instant::now();
            let path = file.to_string_lossy();
            told = server.json(&["automations", "backtest", &path]).await?;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        let number = |name: &str| told[name].as_u64().context("a number");
        let (events, same, open) = (number("events")?, number("same")?, number("open")?);
        ensure!(events == u64::from(args.events), "only {events} events");
        let differently = events - same - open;
        println!(
            "| {name} | {events} | {same} | {differently} | {:.2} |",
            median(seconds.into_iter())
        );
    }
    server.kill().await
}
