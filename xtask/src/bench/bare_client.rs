//! What runs are compared with: the three calls of a run, made by a plain HTTP client, nothing remembered.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::machine;
use crate::http::{self, Connection};
use crate::sandbox::{API_HEADERS, LOCATION};

/// Options of the hidden sub-command.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// The sandbox
    #[arg(long)]
    pub address: SocketAddr,
    /// Runs
    #[arg(long)]
    pub runs: u32,
    /// How many at a time
    #[arg(long)]
    pub concurrency: u32,
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Runs of three calls, per second.
    pub per_second: f64,
    /// Processor time of a call, in microseconds.
    pub cpu_us_per_call: f64,
}

/// Prints the figures as JSON.
pub fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(args.clone()))?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(ExitCode::SUCCESS)
}

async fn measure(args: Args) -> Result<Figures> {
    let (begun, cpu) = (Instant::now(), machine::cpu_us("self")?);
    let mut workers = JoinSet::new();
    for worker in 0..args.concurrency {
        let numbers = (worker..args.runs).step_by(args.concurrency as usize);
        workers.spawn(work(args.address, numbers));
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    let runs = f64::from(args.runs);
    Ok(Figures {
        per_second: runs / begun.elapsed().as_secs_f64(),
        cpu_us_per_call: (machine::cpu_us("self")? - cpu) / runs / 3.0,
    })
}

async fn work(address: SocketAddr, numbers: impl Iterator<Item = u32>) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    for number in numbers {
        let contact = json!({"locationId": LOCATION, "email": format!("bare-{number}@example.com"), "firstName": "Alex",
            "lastName": "Example"});
        let created = call(&mut connection, "/contacts/", &contact).await?;
        let id = created
            .pointer("/contact/id")
            .and_then(Value::as_str)
            .context("a contact without id")?;
        call(
            &mut connection,
            &format!("/contacts/{id}/tags"),
            &json!({"tags": ["customer"]}),
        )
        .await?;
        let note = json!({"body": format!("Order {number}\nref: abcdefghijkl")});
        call(&mut connection, &format!("/contacts/{id}/notes"), &note).await?;
    }
    Ok(())
}

async fn call(connection: &mut Connection, path: &str, body: &Value) -> Result<Value> {
    let reply = connection
        .send(&http::encode_json("POST", path, API_HEADERS, body))
        .await?;
    ensure!(
        reply.is_success(),
        "{path} answered {}: {}",
        reply.status,
        String::from_utf8_lossy(&reply.body)
    );
    Ok(reply.json())
}
