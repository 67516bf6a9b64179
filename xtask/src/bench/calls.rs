//! `bench calls`: how many calls to GHL an event costs, by what happened, beside those of a client that remembers nothing
//! and merges nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Programs;
use crate::http;
use crate::processes::{HOOK_PATH, Server};
use crate::sandbox::Sandbox;
use crate::torture::workload::{Kind, body};

/// Options of `bench calls`.
#[derive(clap::Args)]
pub struct Args {
    /// Contacts
    #[arg(long, default_value_t = 10)]
    contacts: usize,
}

/// One row of the table.
struct Row {
    name: &'static str,
    kind: Kind,
    /// Events of each contact, delivered one behind the other without a pause.
    each: usize,
    /// What takes the place of the default automation for sales.
    automation: Option<&'static str>,
}

/// About what GHL takes for an answer.
const LATENCY_MS: u32 = 200;

const ROWS: [Row; 9] = [
    Row::new("new customer", Kind::Success),
    Row::new("known customer's purchase", Kind::Success),
    Row::new("subscription payment", Kind::Payment),
    Row::new("failed payment", Kind::Failed),
    Row::new("cancelled subscription", Kind::Cancelled),
    Row::new("refund", Kind::Refund),
    Row::burst("burst of 10 purchases", None),
    Row::burst("burst of 10, another tag each", Some(ANOTHER_TAG_EACH)),
    Row::burst("the same with `merge: true`", Some(MERGED)),
];

const ANOTHER_TAG_EACH: &str = include_str!("calls.yaml");
const MERGED: &str = concat!("merge: true\n", include_str!("calls.yaml"));

impl Row {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            each: 1,
            automation: None,
        }
    }

    const fn burst(name: &'static str, automation: Option<&'static str>) -> Self {
        Self {
            name,
            kind: Kind::Success,
            each: 10,
            automation,
        }
    }
}

/// Measures and prints.
pub async fn run(args: &Args, programs: &Programs) -> Result<()> {
    let directory = super::fresh_directory("bench-calls")?;
    let settings = json!({"limit": super::no_limit(), "latency_ms": {"mean": LATENCY_MS, "spread": 0}});
    let sandbox = Sandbox::start(&programs.cartlane, &directory, None, &settings).await?;
    let setup = programs.setup(&directory, "sqlite://cartlane.db".to_owned(), sandbox.address);
    let mut server = setup.server(0)?;
    server.start().await?;
    println!(
        "\n{} contacts, default automations, SQLite, {LATENCY_MS} ms to an answer.\n",
        args.contacts
    );
    println!("| event | events | calls | naive calls | calls per event |\n|---|---:|---:|---:|---:|");
    let (mut order, mut sequence, mut seen) = (0, 0, 0);
    for row in &ROWS {
        if let Some(automation) = row.automation {
            let file = directory.join("automation.yaml");
            std::fs::write(&file, automation)?;
            server.run(&["apply", &file.to_string_lossy()]).await?;
        }
        let before = sandbox.requests().await?;
        for _ in 0..row.each {
            for contact in 0..args.contacts {
                order += 1;
                let email = format!("buyer-{contact:04}@example.com");
                deliver(server.address, &body(order, contact, sequence, row.kind, &email)).await?;
            }
            sequence += 1;
        }
        drained(&server).await?;
        let calls = sandbox.requests().await? - before;
        let events = args.contacts * row.each;
        let naive = naive(&server, events).await?;
        seen += events;
        let per_event = calls / f64::from(u32::try_from(events)?);
        println!("| {} | {events} | {calls} | {naive} | {per_event:.2} |", row.name);
    }
    ensure!(seen == usize::try_from(order)?, "events are missing");
    server.kill().await
}

async fn deliver(to: SocketAddr, body: &str) -> Result<()> {
    let request = http::encode_form(HOOK_PATH, body.as_bytes());
    let reply = http::once(to, &request, Duration::from_secs(10)).await?;
    ensure!(reply.is_success(), "a delivery was refused");
    Ok(())
}

async fn drained(server: &Server) -> Result<()> {
    for _ in 0..600 {
        if server.json(&["doctor"]).await?["open_runs"] == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("runs are open after a minute")
}

/// What the newest so many runs would have cost.
async fn naive(server: &Server, runs: usize) -> Result<u64> {
    let listed = server
        .json(&["runs", "list", "--limit", &runs.to_string()])
        .await?;
    let mut naive = 0;
    for run in listed["runs"].as_array().context("a list")? {
        let id = run["id"].as_str().context("an id")?;
        let detail: Value = server.json(&["runs", "show", id]).await?;
        ensure!(run["state"] == "done", "run {id} is {}", run["state"]);
        naive += detail["calls_naive"].as_u64().context("a number")?;
    }
    Ok(naive)
}
