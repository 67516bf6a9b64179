//! `cargo xtask torture tokens`: three servers, one connection that is authorized by OAuth, tokens that expire again and
//! again, and refreshes that go wrong in every way.
//!
//! Each round waits until the token in force is due, lets a sale of every contact happen at once, spread over the
//! servers, and meddles with the refresh that follows ([`rounds`]):
//!
//! | round | the refresh | what has to come of it |
//! |---|---|---|
//! | calm | goes well | every operation succeeds |
//! | before | is turned away without an effect, up to three times | every operation succeeds |
//! | kill | is answered, and the server that asked is killed at that moment | the pair was stored, and every operation succeeds; or it is lost, as below |
//! | after | takes effect, and its answer is lost | the connection says `ghl.reconnect`, no run fails, all succeed once a person has authorized anew |
//!
//! At the end [`verdict`] reads the sandbox's log: exactly one successful refresh for each expiry, none before its time,
//! no refresh token sent twice without need, no call with an invalid token. Lost and doubled effects are looked for as in
//! the torture of deliveries. Start reading in `run_async`, in this file.

mod findings;
mod house;
mod plan;
mod relay;
mod report;
mod rounds;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cartlane_testkit::postgres::Cluster;
use clap::ValueEnum;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::gate::Gate;
use super::sender::Sender;
use super::verdict::Scenario;
use super::workload::Workload;
use crate::binary::{self, Profile};
use house::House;
use rounds::Torture;

/// Which safeguard to take out, to see that the verdict notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// Let every server send the refresh token without a claim.
    NoClaim,
}

/// Options of `torture tokens`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Operations at once: one run for each of so many contacts
    #[arg(long, default_value_t = 200)]
    pub operations: usize,
    /// Rounds in which refreshes go well
    #[arg(long, default_value_t = 5)]
    pub calm: usize,
    /// Rounds in which a refresh is cut before its effect
    #[arg(long, default_value_t = 5)]
    pub before: usize,
    /// Rounds in which a server is killed between GHL's reply and its commit
    #[arg(long, default_value_t = 5)]
    pub kills: usize,
    /// Rounds in which a refresh is cut after its effect
    #[arg(long, default_value_t = 5)]
    pub after: usize,
    /// Seconds that an access token lives
    #[arg(long, default_value_t = 10)]
    pub access_token_s: u32,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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
    /// A sound run for every day: a round of each kind, but for the calm one, as the others have calm refreshes, too.
    pub fn small(program: &Path) -> Self {
        Self {
            operations: 48,
            calm: 0,
            before: 1,
            kills: 1,
            after: 1,
            access_token_s: 8,
            seed: 1,
            sabotage: None,
            expect_red: false,
            profile: Profile::Dev,
            program: Some(program.to_owned()),
        }
    }

    /// A run whose verdict must be red, because a safeguard is missing.
    pub fn control(program: &Path, sabotage: Sabotage) -> Self {
        Self {
            calm: 20,
            before: 0,
            kills: 0,
            after: 0,
            sabotage: Some(sabotage),
            expect_red: true,
            ..Self::small(program)
        }
    }

    fn sabotage_name(&self) -> Option<String> {
        self.sabotage.map(|Sabotage::NoClaim| "no-claim".to_owned())
    }

    /// How long a request may take, and how long after that it may still take effect. Shorter in small runs, so that they
    /// end sooner.
    fn patience_ms(&self) -> Patience {
        match self.operations {
            ..100 => Patience {
                request: 3_000,
                settle: 1_000,
            },
            _ => Patience {
                request: 5_000,
                settle: 2_000,
            },
        }
    }

    fn life_ms(&self) -> i64 {
        i64::from(self.access_token_s) * 1_000
    }
}

/// Times of a run, in milliseconds.
struct Patience {
    request: i64,
    settle: i64,
}

/// Exit status 0: as expected; 1: not; 2: nothing can be said.
pub fn run(args: &Args) -> Result<ExitCode> {
    ensure!(args.operations > 0, "there must be operations");
    ensure!(
        args.access_token_s >= 5,
        "in a token's last tenth a call must find the time to arrive"
    );
    let features: &[&str] = if args.sabotage.is_some() { &["break"] } else { &[] };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => binary::build("cartlane", args.profile, features)?,
    };
    let cluster = Cluster::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_async(args, program, cluster))
}

async fn run_async(args: &Args, program: PathBuf, cluster: Cluster) -> Result<ExitCode> {
    let begun = Instant::now();
    let name = args.sabotage_name().unwrap_or_else(|| "sound".to_owned());
    let directory = binary::scratch(&format!("torture-tokens-{name}"))?;
    std::fs::remove_dir_all(&directory).context("clearing the last run's directory")?;
    std::fs::create_dir_all(&directory)?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let plans = plan::plans(args, &mut random);
    println!(
        "torture tokens: {} operations at once, {} rounds, tokens of {} s, seed {}; files in {}",
        args.operations,
        plans.len(),
        args.access_token_s,
        args.seed,
        directory.display()
    );
    let house = House::start(args, program, &directory, cluster).await?;
    let workload = Workload::generate(args.operations * plans.len(), args.operations, &mut random);
    let sender = Arc::new(Sender {
        workload: Arc::new(workload),
        scenario: Scenario::Order,
        servers: house.servers.iter().map(|server| server.address).collect(),
        rate: f64::from(u32::MAX),
        duplicate_every: 30,
        gate: Arc::new(Gate::new()),
        seen: std::sync::Mutex::default(),
    });
    let mut torture = Torture::new(args, house, Arc::clone(&sender), random);
    torture.run(&plans).await?;
    let findings = torture.findings();
    report::print(&findings, &sender.seen(), torture.log(), begun.elapsed());
    Ok(report::exit_code(args, &findings))
}
