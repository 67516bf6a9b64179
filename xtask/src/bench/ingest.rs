//! `bench ingest`: durable deliveries per second on both databases, idle and while the engine works a backlog, beside
//! a handler that keeps nothing. All take turns in every round, so that a slow minute of the machine meets all alike.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use cartlane_testkit::postgres::Cluster;
use serde_json::json;

use super::load::{self, Figures};
use super::{Programs, SERVER_CORE, WORLD_CORE, machine, median};
use crate::http;
use crate::processes::{HOOK_PATH, free_port};
use crate::sandbox::Sandbox;

/// Options of `bench ingest`.
#[derive(clap::Args)]
pub struct Args {
    /// Rounds; figures are their medians
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load for each
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Connections of the load
    #[arg(long, default_value_t = 50)]
    connections: u32,
}

/// Who answers the load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answerer {
    Bare,
    /// Cartlane; `busy`: GHL takes calls without limit, so that the engine works as hard as it can.
    Cartlane {
        postgres: bool,
        busy: bool,
    },
}

const ANSWERERS: [(&str, Answerer); 5] = [
    ("bare handler", Answerer::Bare),
    (
        "SQLite, engine idle",
        Answerer::Cartlane {
            postgres: false,
            busy: false,
        },
    ),
    (
        "SQLite, engine at work",
        Answerer::Cartlane {
            postgres: false,
            busy: true,
        },
    ),
    (
        "PostgreSQL, engine idle",
        Answerer::Cartlane {
            postgres: true,
            busy: false,
        },
    ),
    (
        "PostgreSQL, engine at work",
        Answerer::Cartlane {
            postgres: true,
            busy: true,
        },
    ),
];

/// One turn of one answerer.
struct Turn {
    load: Figures,
    cpu_us: f64,
    calls: f64,
    start_ms: f64,
    resident_mib: f64,
}

/// Measures and prints.
pub fn run(args: &Args, programs: &Programs) -> Result<()> {
    let directory = super::fresh_directory("bench-ingest")?;
    let fsync = machine::fsync_p99(&directory)?;
    let cluster = machine::on_core(SERVER_CORE, Cluster::start)?;
    super::on_runtime(async {
        let mut turns: Vec<Vec<Turn>> = ANSWERERS.iter().map(|_| Vec::new()).collect();
        for round in 0..args.rounds {
            for (index, (name, answerer)) in ANSWERERS.into_iter().enumerate() {
                let directory = directory.join(format!("{round}-{index}"));
                let turn = take_turn(args, programs, &directory, &cluster, answerer);
                let turn = turn.await.with_context(|| format!("round {round}, {name}"))?;
                println!(
                    "round {}: {name}: {:.0}/s, p99 {:.1} ms",
                    round + 1,
                    turn.load.per_second,
                    turn.load.p99_ms
                );
                turns[index].push(turn);
            }
        }
        print(args, fsync, &turns);
        Ok(())
    })
}

async fn take_turn(
    args: &Args,
    programs: &Programs,
    directory: &Path,
    cluster: &Cluster,
    answerer: Answerer,
) -> Result<Turn> {
    let Answerer::Cartlane { postgres, busy } = answerer else {
        return bare(args, programs).await;
    };
    // As GHL limits an app by default: the engine has hardly anything to do. Or else no limit.
    let limit = if busy {
        super::no_limit()
    } else {
        json!({"max": 100, "interval_ms": 10_000, "daily": 200_000})
    };
    let settings = json!({"limit": limit, "log": false});
    let sandbox = Sandbox::start(&programs.cartlane, directory, Some(WORLD_CORE), &settings).await?;
    let database_url = if postgres {
        cluster.fresh_database()
    } else {
        "sqlite://cartlane.db".to_owned()
    };
    let setup = programs.setup(directory, database_url, sandbox.address);
    let mut server = setup.server(0)?;
    // The first start makes the database; the second is the one that counts.
    server.start().await?;
    server.kill().await?;
    let start_ms = server.start().await?.as_secs_f64() * 1_000.0;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let process = server
        .process_id()
        .context("the server has no process")?
        .to_string();
    let resident_mib = machine::resident_mib(&process)?;
    let (cpu, calls) = (machine::cpu_us(&process)?, sandbox.requests().await?);
    let load: Figures = programs
        .part(WORLD_CORE, &load_options(args, server.address).words())
        .await?;
    let cpu_us = (machine::cpu_us(&process)? - cpu) / per(&load);
    let calls = (sandbox.requests().await? - calls) / (args.seconds + WARM_UP);
    server.kill().await?;
    Ok(Turn {
        load,
        cpu_us,
        calls,
        start_ms,
        resident_mib,
    })
}

async fn bare(args: &Args, programs: &Programs) -> Result<Turn> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut command = programs.part_command(SERVER_CORE);
    let child = command
        .arg("bench-bare-handler")
        .arg(format!("--listen={address}"))
        .spawn()?;
    let begun = std::time::Instant::now();
    let probe = http::encode_form("/hook", b"");
    while http::once(address, &probe, Duration::from_secs(1)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let start_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    let process = child.id().context("the bare handler has no process")?.to_string();
    let resident_mib = machine::resident_mib(&process)?;
    let cpu = machine::cpu_us(&process)?;
    let load: Figures = programs
        .part(WORLD_CORE, &load_options(args, address).words())
        .await?;
    let cpu_us = (machine::cpu_us(&process)? - cpu) / per(&load);
    Ok(Turn {
        load,
        cpu_us,
        calls: 0.0,
        start_ms,
        resident_mib,
    })
}

/// Seconds in which connections open, caches fill and a backlog builds up.
const WARM_UP: f64 = 2.0;

fn load_options(args: &Args, address: SocketAddr) -> load::Args {
    load::Args {
        address,
        path: HOOK_PATH.to_owned(),
        connections: args.connections,
        warm_up: WARM_UP,
        seconds: args.seconds,
        requests: u64::MAX,
        first: 1,
    }
}

fn per(load: &Figures) -> f64 {
    f64::from(u32::try_from(load.requests).unwrap_or(u32::MAX)).max(1.0)
}

fn print(args: &Args, fsync: Duration, turns: &[Vec<Turn>]) {
    let of = |index: usize, figure: fn(&Turn) -> f64| median(turns[index].iter().map(figure));
    let bare = of(0, |turn| turn.load.per_second);
    let fsync_ms = fsync.as_secs_f64() * 1_000.0;
    println!(
        "\n{} connections, {} rounds of {} s taking turns, medians. fsync p99 of the disk: {fsync_ms:.2} ms; aim of the \
              server's p99: {:.1} ms.\n",
        args.connections,
        args.rounds,
        args.seconds,
        3.0 * fsync_ms + 5.0
    );
    println!(
        "| | deliveries/s | of bare | p50 ms | p99 ms | server CPU µs/delivery | not acknowledged | calls to GHL/s |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (index, (name, _)) in ANSWERERS.iter().enumerate() {
        let rate = of(index, |turn| turn.load.per_second);
        let refused: u64 = turns[index].iter().map(|turn| turn.load.refused).sum();
        println!(
            "| {name} | {rate:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {refused} | {:.0} |",
            rate / bare,
            of(index, |turn| turn.load.p50_ms),
            of(index, |turn| turn.load.p99_ms),
            of(index, |turn| turn.cpu_us),
            of(index, |turn| turn.calls)
        );
    }
    println!("\n| | start to ready ms | idle memory MiB |\n|---|---:|---:|");
    for index in [1, 3] {
        let (start, memory) = (
            of(index, |turn| turn.start_ms),
            of(index, |turn| turn.resident_mib),
        );
        println!(
            "| {} | {start:.0} | {memory:.1} |",
            ANSWERERS[index].0.trim_end_matches(", engine idle")
        );
    }
}
