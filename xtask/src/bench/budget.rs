//! `bench budget`: how much of GHL's budget a backlog uses in a minute of real time, against a strict sliding window.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Programs, WORLD_CORE, load};
use crate::processes::HOOK_PATH;
use crate::sandbox::Sandbox;

const MAX: u32 = 100;
const INTERVAL_MS: u32 = 10_000;

/// Options of `bench budget`.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds that are measured, from the first request on
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Measures and prints.
pub async fn run(args: &Args, programs: &Programs) -> Result<()> {
    let directory = super::fresh_directory("bench-budget")?;
    let settings = json!({
        "limit": {"max": MAX, "interval_ms": INTERVAL_MS, "daily": 200_000},
        "latency_ms": {"mean": 50, "spread": 30}
    });
    let sandbox = Sandbox::start(&programs.cartlane, &directory, Some(WORLD_CORE), &settings).await?;
    let mut server = programs
        .setup(&directory, "sqlite://cartlane.db".to_owned(), sandbox.address)
        .server(0)?;
    server.start().await?;
    // More runs than the budget allows calls, so that there is always something to do.
    let budget = MAX * args.seconds * 1_000 / INTERVAL_MS;
    let load = load::Args {
        address: server.address,
        path: HOOK_PATH.to_owned(),
        connections: 10,
        warm_up: 0.0,
        seconds: 30.0,
        requests: u64::from(budget),
        first: 1,
    };
    let sent: load::Figures = programs.part(WORLD_CORE, &load.words()).await?;
    ensure!(sent.refused == 0, "{} deliveries were refused", sent.refused);
    tokio::time::sleep(Duration::from_secs(u64::from(args.seconds) + 1)).await;
    let mut log = BTreeMap::new();
    sandbox.read_log(&mut log).await?;
    server.kill().await?;
    let first = log.values().map(|entry| entry.at_ms).min().unwrap_or_default();
    let end = first + i64::from(args.seconds) * 1_000;
    let (refused, accepted): (Vec<_>, Vec<_>) = log
        .values()
        .filter(|entry| entry.at_ms < end)
        .partition(|entry| entry.status == Some(429));
    let share = f64::from(u32::try_from(accepted.len())?) / f64::from(budget);
    println!(
        "\nStrict window of {MAX} requests in {INTERVAL_MS} ms, latency 50 ± 30 ms, {} s.\n",
        args.seconds
    );
    println!("| requests allowed | accepted | share | 429s |\n|---:|---:|---:|---:|");
    println!(
        "| {budget} | {} | {share:.3} | {} |",
        accepted.len(),
        refused.len()
    );
    Ok(())
}
