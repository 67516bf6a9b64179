//! `bench runs`: runs of three steps per second against a GHL without limits, beside a client that makes the same
//! calls, with few and with many runs already stored.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{Programs, SERVER_CORE, WORLD_CORE, bare_client, load, machine, median};
use crate::processes::HOOK_PATH;
use crate::sandbox::Sandbox;

/// Takes the place of the default automation of that name, so that a sale starts this run and no other. The note stands
/// between the create and the tags, which would otherwise go in one call.
pub(super) const AUTOMATION: &str = r#"name: Sync customers
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.create
    with:
      email: "{{ event.person.email }}"
      firstName: "{{ event.person.first_name }}"
      lastName: "{{ event.person.last_name }}"
  - id: note
    operation: ghl.contacts.create_note
    with:
      contactId: "{{ steps.contact.contact.id }}"
      body: "Order {{ event.order_id }}\nref: {{ reference }}"
  - id: tags
    operation: ghl.contacts.add_tags
    with:
      contactId: "{{ steps.contact.contact.id }}"
      tags: [customer]
"#;

/// Options of `bench runs`.
#[derive(clap::Args)]
pub struct Args {
    /// Runs that are measured
    #[arg(long, default_value_t = 6_000)]
    runs: u32,
    /// Runs that are already stored, each measured in turn
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 200_000])]
    stored: Vec<u32>,
    /// Rounds; figures are their medians
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Runs at a time, for both
    #[arg(long, default_value_t = 32)]
    concurrency: u32,
}

/// Measures and prints. All take turns in every round, so that a slow minute of the machine meets all alike.
pub async fn run(args: &Args, programs: &Programs) -> Result<()> {
    let mut bare_turns = Vec::new();
    let mut turns: Vec<Vec<bare_client::Figures>> = args.stored.iter().map(|_| Vec::new()).collect();
    for round in 1..=args.rounds {
        let figures = bare(args, programs).await?;
        println!("round {round}: bare client: {:.0} runs/s", figures.per_second);
        bare_turns.push(figures);
        for (turns, &stored) in turns.iter_mut().zip(&args.stored) {
            let figures = stored_runs(args, programs, stored)
                .await
                .with_context(|| format!("{stored} stored runs"))?;
            println!(
                "round {round}: {stored} stored runs: {:.0} runs/s",
                figures.per_second
            );
            turns.push(figures);
        }
    }
    println!(
        "\n{} runs of three calls, {} at a time, SQLite; {} rounds taking turns, medians.\n",
        args.runs, args.concurrency, args.rounds
    );
    println!("| | runs/s | of bare | CPU µs per call |\n|---|---:|---:|---:|");
    let bare_per_second = print_row("bare client", &bare_turns, None);
    for (stored, turns) in args.stored.iter().zip(&turns) {
        print_row(
            &format!("Cartlane, {stored} runs stored"),
            turns,
            Some(bare_per_second),
        );
    }
    Ok(())
}

/// The runs per second that were printed.
fn print_row(name: &str, turns: &[bare_client::Figures], bare: Option<f64>) -> f64 {
    let per_second = median(turns.iter().map(|figures| figures.per_second));
    let cpu_us = median(turns.iter().map(|figures| figures.cpu_us_per_call));
    let ratio = per_second / bare.unwrap_or(per_second);
    println!("| {name} | {per_second:.0} | {ratio:.2} | {cpu_us:.0} |");
    per_second
}

async fn bare(args: &Args, programs: &Programs) -> Result<bare_client::Figures> {
    let directory = super::fresh_directory("bench-runs-bare")?;
    let sandbox = Sandbox::start(
        &programs.cartlane,
        &directory,
        Some(WORLD_CORE),
        &json!({"limit": super::no_limit()}),
    )
    .await?;
    let options = format!(
        "bench-bare-client --address={} --runs={} --concurrency={}",
        sandbox.address, args.runs, args.concurrency
    );
    let words: Vec<_> = options.split(' ').map(str::to_owned).collect();
    programs.part(SERVER_CORE, &words).await
}

async fn stored_runs(args: &Args, programs: &Programs, stored: u32) -> Result<bare_client::Figures> {
    let directory = super::fresh_directory(&format!("bench-runs-{stored}"))?;
    machine::fsync_p99(&directory)?;
    let sandbox = Sandbox::start(
        &programs.cartlane,
        &directory,
        Some(WORLD_CORE),
        &json!({"limit": super::no_limit()}),
    )
    .await?;
    let mut setup = programs.setup(&directory, "sqlite://cartlane.db".to_owned(), sandbox.address);
    setup.limits = format!("workers = {}\ninbox_waiting = 100000\n", args.concurrency);
    let mut server = setup.server(0)?;
    let automation = directory.join("three-steps.yaml");
    std::fs::write(&automation, AUTOMATION)?;
    server.start().await?;
    server.run(&["apply", &automation.to_string_lossy()]).await?;
    server.kill().await?;
    let data = directory.join("server-0").join("data");
    let seed = format!("bench-seed --data-dir={} --runs={stored}", data.display());
    let seed: Vec<_> = seed.split(' ').map(str::to_owned).collect();
    let () = programs.part(WORLD_CORE, &seed).await?;
    server.start().await?;
    let process = server
        .process_id()
        .context("the server has no process")?
        .to_string();
    let load = load::Args {
        address: server.address,
        path: HOOK_PATH.to_owned(),
        connections: 50,
        warm_up: 0.0,
        seconds: 300.0,
        requests: u64::from(args.runs),
        first: 1,
    };
    let sent: load::Figures = programs.part(WORLD_CORE, &load.words()).await?;
    ensure!(sent.refused == 0, "{} deliveries were refused", sent.refused);
    // From here on the server only works; what it did while deliveries came in isn't counted.
    let (cpu, calls) = (machine::cpu_us(&process)?, sandbox.requests().await?);
    until_drained(&sandbox, args.runs).await?;
    let calls = sandbox.requests().await? - calls;
    let cpu_us_per_call = (machine::cpu_us(&process)? - cpu) / calls.max(1.0);
    server.kill().await?;
    Ok(bare_client::Figures {
        per_second: runs_per_second(&sandbox).await?,
        cpu_us_per_call,
    })
}

pub(super) async fn until_drained(sandbox: &Sandbox, runs: u32) -> Result<()> {
    let (mut last, mut changed) = (0.0, Instant::now());
    loop {
        let notes = sandbox.stat("notes").await?;
        if notes >= f64::from(runs) {
            return Ok(());
        }
        if notes > last {
            (last, changed) = (notes, Instant::now());
        }
        ensure!(
            changed.elapsed() < Duration::from_mins(1),
            "stopped after {notes} of {runs} runs"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// From the middle four fifths of the notes, by the sandbox's clock: without the start and the tail.
async fn runs_per_second(sandbox: &Sandbox) -> Result<f64> {
    let mut log = BTreeMap::new();
    sandbox.read_log(&mut log).await?;
    let is_note = |kind: &str| kind == "note_created";
    let notes = log
        .values()
        .filter(|entry| entry.effect.as_ref().is_some_and(|effect| is_note(&effect.kind)));
    let mut moments: Vec<i64> = notes.filter_map(|note| note.effect_at_ms).collect();
    moments.sort_unstable();
    let (from, to) = (moments.len() / 10, moments.len() * 9 / 10);
    ensure!(from < to, "too few runs to measure");
    let milliseconds = i32::try_from(moments[to] - moments[from])?.max(1);
    Ok(f64::from(i32::try_from(to - from)?) * 1_000.0 / f64::from(milliseconds))
}
