//! `cargo xtask torture`: real processes, real signals, a network that breaks, and a verdict from outside.
//!
//! A sender plays the shop ([`sender`]), the sandbox plays GHL with faults, [`trouble`] kills servers and edits
//! contacts, and when all has come to rest [`verdict`] compares what the sender and the sandbox wrote down. Cartlane
//! itself isn't asked. Start reading in `run_async`, in this file. [`tokens`] tortures the renewal of tokens.

mod gate;
mod report;
mod sender;
pub mod tokens;
mod trouble;
mod verdict;
mod witness;
pub mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::binary::{self, Profile};
use crate::processes::{Credential, Server, Setup};
use crate::sandbox::Sandbox;
use cartlane_testkit::postgres::Cluster;
use gate::Gate;
use sender::Sender;
pub use verdict::Scenario;
use workload::Workload;

/// `torture`: the torture of deliveries, or one of the others.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Command {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    deliveries: Args,
}

#[derive(clap::Subcommand)]
enum Other {
    /// Let tokens expire again and again while servers are killed and refreshes are cut, then count the refreshes
    Tokens(tokens::Args),
}

/// Which database the servers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// One server on SQLite.
    Sqlite,
    /// Two servers on one PostgreSQL, whose connections are ended now and then.
    Postgres,
}

/// Which safeguard to take out, to see that the verdict notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// Answer 200 before the event is durable.
    AckBeforeCommit,
    /// Send an unclear call again without looking.
    NoConfirm,
    /// Let the runs of one contact go side by side.
    NoLanes,
    /// Take every delivery for a new event.
    NoDedupe,
}

impl Sabotage {
    fn name(self) -> &'static str {
        match self {
            Self::AckBeforeCommit => "ack-before-commit",
            Self::NoConfirm => "no-confirm",
            Self::NoLanes => "no-lanes",
            Self::NoDedupe => "no-dedupe",
        }
    }
}

/// Options of `torture`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Deliveries to send
    #[arg(long, default_value_t = 2_000)]
    pub deliveries: usize,
    /// Contacts that they are spread over
    #[arg(long, default_value_t = 200)]
    pub contacts: usize,
    /// SIGKILLs, each followed by a new start
    #[arg(long, default_value_t = 30)]
    pub kills: usize,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Database of the servers
    #[arg(long, value_enum, default_value = "sqlite")]
    pub database: Database,
    /// Order in which a contact's deliveries go out
    #[arg(long, value_enum, default_value = "order")]
    pub scenario: Scenario,
    /// Safeguard to take out
    #[arg(long = "break", value_enum)]
    pub sabotage: Option<Sabotage>,
    /// Succeed if the verdict is red: for controls
    #[arg(long)]
    pub expect_red: bool,
    /// How the program is built
    #[arg(long, value_enum, default_value = "release")]
    pub profile: Profile,
    /// A program that is already built (with the feature `break`, if --break is given)
    #[arg(long)]
    pub program: Option<PathBuf>,
}

impl Args {
    /// A sound run for every day: short, yet with every kind of trouble.
    pub fn small(program: &Path, database: Database, scenario: Scenario) -> Self {
        Self {
            deliveries: 200,
            contacts: 25,
            kills: 5,
            seed: 1,
            database,
            scenario,
            sabotage: None,
            expect_red: false,
            profile: Profile::Dev,
            program: Some(program.to_owned()),
        }
    }

    /// A run whose verdict must be red, because a safeguard is missing.
    pub fn control(program: &Path, sabotage: Sabotage) -> Self {
        let sound = Self::small(program, Database::Sqlite, Scenario::Order);
        // Only one of them shows at a kill; the others show without.
        let kills = if sabotage == Sabotage::AckBeforeCommit {
            8
        } else {
            2
        };
        Self {
            kills,
            sabotage: Some(sabotage),
            expect_red: true,
            ..sound
        }
    }

    /// Notes that must have been cut after they were made, for the run to count.
    fn cuts_needed(&self) -> usize {
        match (self.sabotage, self.deliveries) {
            (Some(_), _) => 0,
            (None, ..500) => 3,
            (None, _) => 20,
        }
    }

    /// How long a request may take, how long after that it may still take effect, and how late effects really come.
    /// Shorter in small runs, so that they end sooner.
    fn patience_ms(&self) -> Patience {
        match self.deliveries {
            ..500 => Patience {
                request: 1_000,
                settle: 2_000,
                late: 1_500,
            },
            _ => Patience {
                request: 2_000,
                settle: 6_000,
                late: 5_000,
            },
        }
    }

    fn name(&self) -> String {
        let sabotage = self.sabotage.map_or("sound", Sabotage::name);
        format!("torture-{:?}-{:?}-{sabotage}", self.database, self.scenario).to_lowercase()
    }
}

/// Times of a run, in milliseconds.
struct Patience {
    request: u32,
    settle: u32,
    late: u32,
}

/// Tortures as it was said.
pub fn run_command(command: &Command) -> Result<ExitCode> {
    match &command.other {
        None => run(&command.deliveries),
        Some(Other::Tokens(args)) => tokens::run(args),
    }
}

/// Exit status 0: as expected; 1: not; 2: nothing can be said.
pub fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        args.contacts > 0 && args.deliveries >= args.contacts,
        "fewer deliveries than contacts"
    );
    let features: &[&str] = if args.sabotage.is_some() { &["break"] } else { &[] };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => binary::build("cartlane", args.profile, features)?,
    };
    let cluster = match args.database {
        Database::Sqlite => None,
        Database::Postgres => Some(Arc::new(Cluster::start()?)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_async(args, program, cluster))
}

async fn run_async(args: &Args, program: PathBuf, cluster: Option<Arc<Cluster>>) -> Result<ExitCode> {
    let begun = Instant::now();
    let directory = binary::scratch(&args.name())?;
    std::fs::remove_dir_all(&directory).context("clearing the last run's directory")?;
    std::fs::create_dir_all(&directory)?;
    let mut random = StdRng::seed_from_u64(args.seed);
    println!(
        "torture: {} deliveries, {} contacts, {} kills, seed {}, {:?}, {:?}; files in {}",
        args.deliveries,
        args.contacts,
        args.kills,
        args.seed,
        args.database,
        args.scenario,
        directory.display()
    );
    let sandbox = Arc::new(Sandbox::start(&program, &directory, None, &weather(args)).await?);
    let database_url = match &cluster {
        None => "sqlite://cartlane.db".to_owned(),
        Some(cluster) => cluster.fresh_database(),
    };
    let Patience { request, settle, .. } = args.patience_ms();
    let limits = format!("request_timeout_ms = {request}\nsettle_ms = {settle}\n");
    let sabotage = args.sabotage.map(|mode| mode.name().to_owned());
    let setup = Setup {
        program,
        directory: directory.clone(),
        database_url,
        sandbox: sandbox.address,
        credential: Credential::Token,
        sabotage,
        limits,
        core: None,
    };
    let mut servers = (0..=usize::from(cluster.is_some()))
        .map(|index| setup.server(index))
        .collect::<Result<Vec<_>>>()?;
    for server in &mut servers {
        server.start().await?;
    }
    let sender = Arc::new(new_sender(args, &servers, &mut random));
    let trouble = live_through(
        args,
        &mut servers,
        &sender,
        &sandbox,
        cluster.as_ref(),
        &mut random,
    )
    .await?;
    println!(
        "torture: all sent and all kills done after {:.0} s; waiting for rest",
        begun.elapsed().as_secs_f64()
    );
    let (log, end) = witness::until_rest(args, &mut servers, &sandbox, &sender, &trouble.user_tags).await?;
    let final_tags = witness::final_tags(&sandbox, &log, &sender.workload).await?;
    drop(servers);
    let seen = sender.seen();
    std::fs::write(
        directory.join("acknowledged.json"),
        serde_json::to_vec(&seen.acknowledged)?,
    )?;
    let evidence = witness::evidence(args, &sender, &seen, &log, &trouble.user_tags, &final_tags);
    let mut verdict = verdict::judge(&evidence);
    if end == witness::End::Early {
        println!("torture: stopped early, because the colour is certain");
        verdict.forget_unfinished();
    }
    report::print(args, &verdict, &seen, &log, &trouble, begun.elapsed());
    Ok(report::exit_code(args, &verdict))
}

/// What was done to a run.
struct Troubles {
    done: trouble::Done,
    connections_ended: usize,
    user_tags: Vec<(usize, String)>,
}

/// Sends everything while servers are killed, connections end and another user edits.
async fn live_through(
    args: &Args,
    servers: &mut [Server],
    sender: &Arc<Sender>,
    sandbox: &Arc<Sandbox>,
    cluster: Option<&Arc<Cluster>>,
    random: &mut StdRng,
) -> Result<Troubles> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut fork = || StdRng::seed_from_u64(random.random());
    let edits = trouble::edit(
        Arc::clone(sandbox),
        sender.workload.emails.clone(),
        Arc::clone(&stop),
        fork(),
    );
    let edits = tokio::spawn(edits);
    let endings = cluster.map(|cluster| {
        tokio::spawn(trouble::end_connections(
            Arc::clone(cluster),
            Arc::clone(&stop),
            fork(),
        ))
    });
    let sending = tokio::spawn(Arc::clone(sender).run(args.seed));
    let done = trouble::kill(servers, sender, args.kills, &mut fork()).await?;
    witness::until_sent(servers, sandbox, sending).await?;
    stop.store(true, Ordering::Relaxed);
    let connections_ended = match endings {
        Some(endings) => endings.await??,
        None => 0,
    };
    Ok(Troubles {
        done,
        connections_ended,
        user_tags: edits.await??,
    })
}

fn new_sender(args: &Args, servers: &[Server], random: &mut StdRng) -> Sender {
    let seconds = f64::from(u32::try_from(args.kills).unwrap_or(u32::MAX)) * 2.0;
    let deliveries = f64::from(u32::try_from(args.deliveries).unwrap_or(u32::MAX));
    Sender {
        workload: Arc::new(Workload::generate(args.deliveries, args.contacts, random)),
        scenario: args.scenario,
        servers: servers.iter().map(|server| server.address).collect(),
        // As long as the kills take, so that they find deliveries and runs under way.
        rate: deliveries / seconds.max(5.0),
        duplicate_every: if args.deliveries < 500 { 8 } else { 30 },
        gate: Arc::new(Gate::new()),
        seen: std::sync::Mutex::default(),
    }
}

/// GHL on a bad day. The limit is high enough for the run to end soon and low enough to be met. A 429 is rare, because
/// each one rightly stops every call to the location for a while.
fn weather(args: &Args) -> Value {
    let often = if args.deliveries < 500 { 0.05 } else { 0.025 };
    json!({
        "seed": args.seed,
        "limit": {"max": 2_000, "interval_ms": 10_000, "daily": 10_000_000},
        "latency_ms": {"mean": 5, "spread": 4},
        "faults": {
            "rate_5xx": 0.01, "rate_429": 0.001, "rate_cut_before": 0.015, "rate_cut_after": often,
            "rate_late_effect": 0.01, "late_effect_max_ms": args.patience_ms().late, "rate_slow_body": 0.005
        }
    })
}
