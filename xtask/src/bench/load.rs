//! The load: some connections that are kept alive, each sending a new sale as soon as the last was answered.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, LocalSet};

use super::template::Template;
use crate::http::Connection;

/// Options of the hidden sub-command.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// Where to
    #[arg(long)]
    pub address: SocketAddr,
    /// Path of the hook
    #[arg(long)]
    pub path: String,
    /// Connections
    #[arg(long, default_value_t = 50)]
    pub connections: u32,
    /// Seconds before the measured ones
    #[arg(long, default_value_t = 0.0)]
    pub warm_up: f64,
    /// Seconds that are measured
    #[arg(long)]
    pub seconds: f64,
    /// Ends before, with so many requests
    #[arg(long, default_value_t = u64::MAX)]
    pub requests: u64,
    /// Number of the first sale
    #[arg(long, default_value_t = 1)]
    pub first: u64,
}

impl Args {
    /// As a command line.
    pub fn words(&self) -> Vec<String> {
        let Self {
            address,
            path,
            connections,
            warm_up,
            seconds,
            requests,
            first,
        } = self;
        let options = format!(
            "bench-load --address={address} --path={path} --connections={connections} --warm-up={warm_up} \
             --seconds={seconds} --requests={requests} --first={first}"
        );
        options.split(' ').map(str::to_owned).collect()
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Acknowledged per second.
    pub per_second: f64,
    /// Median time to an acknowledgement, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of it.
    pub p99_ms: f64,
    /// Answers other than 2xx.
    pub refused: u64,
    /// Requests in all, those of the warm-up too.
    pub requests: u64,
}

/// Prints the figures as JSON.
pub fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let figures = LocalSet::new().block_on(&runtime, measure(args.clone()))?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(ExitCode::SUCCESS)
}

/// What the connections share.
struct Shared {
    next: Cell<u64>,
    last: u64,
    measured_from: Instant,
    until: Instant,
    refused: Cell<u64>,
}

async fn measure(args: Args) -> Result<Figures> {
    let measured_from = Instant::now() + Duration::from_secs_f64(args.warm_up);
    let shared = Rc::new(Shared {
        next: Cell::new(args.first),
        last: args.first.saturating_add(args.requests),
        measured_from,
        until: measured_from + Duration::from_secs_f64(args.seconds),
        refused: Cell::new(0),
    });
    let mut connections = JoinSet::new();
    for _ in 0..args.connections {
        let connection = Connection::open(args.address).await?;
        connections.spawn_local(keep_sending(
            connection,
            Template::order_success(&args.path),
            Rc::clone(&shared),
        ));
    }
    let mut took = Vec::new();
    while let Some(times) = connections.join_next().await {
        took.extend(times??);
    }
    took.sort_unstable();
    let at = |percent: usize| {
        took.get(took.len() * percent / 100)
            .map_or(0.0, |&us| f64::from(us) / 1_000.0)
    };
    let seconds = shared.measured_from.elapsed().as_secs_f64();
    Ok(Figures {
        per_second: f64::from(u32::try_from(took.len())?) / seconds,
        p50_ms: at(50),
        p99_ms: at(99),
        refused: shared.refused.get(),
        requests: shared.next.get() - args.first,
    })
}

/// How long each acknowledgement of the measured time took, in microseconds.
async fn keep_sending(
    mut connection: Connection,
    mut template: Template,
    shared: Rc<Shared>,
) -> Result<Vec<u32>> {
    let mut took = Vec::new();
    loop {
        let number = shared.next.get();
        let begun = Instant::now();
        if number >= shared.last || begun >= shared.until {
            return Ok(took);
        }
        shared.next.set(number + 1);
        let reply = connection.send(template.numbered(number)).await?;
        if !reply.is_success() {
            shared.refused.set(shared.refused.get() + 1);
        } else if begun >= shared.measured_from {
            took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}
