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
}

const ROWS: [Row; 7] = [
    Row::new("new customer", Kind::Success, 1),
    Row::new("known customer's purchase", Kind::Success, 1),
    Row::new("subscription payment", Kind::Payment, 1),
    Row::new("failed payment", Kind::Failed, 1),
    Row::new("cancelled subscription", Kind::Cancelled, 1),
    Row::new("refund", Kind::Refund, 1),
    Row::new("burst of 10 purchases", Kind::Success, 10),
];

impl Row {
    const fn new(name: &'static str, kind: Kind, each: usize) -> Self {
        Self { name, kind, each }
    }
}

/// Measures and prints.
pub async fn run(args: &Args, programs: &Programs) -> Result<()> {
    let directory = super::fresh_directory("bench-calls")?;
    let settings = json!({"limit": super::no_limit()});
    let sandbox = Sandbox::start(&programs.cartlane, &directory, None, &settings).await?;
    let setup = programs.setup(&directory, "sqlite://cartlane.db".to_owned(), sandbox.address);
    let mut server = setup.server(0)?;
    server.start().await?;
    println!("\n{} contacts, default automations, SQLite.\n", args.contacts);
    println!("| event | events | calls | naive calls | calls per event |\n|---|---:|---:|---:|---:|");
    let (mut order, mut sequence, mut seen) = (0, 0, 0);
    for row in &ROWS {
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
