//! The rounds of a run: waits for an expiry, lets everything happen at once, meddles, and watches what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::findings::{Done, Findings};
use super::house::{CONNECTION, House};
use super::plan::Plan;
use super::{Args, verdict};
use crate::torture::sender::{Seen, Sender};
use crate::torture::verdict as effects;
use crate::torture::witness::Log;
use crate::torture::workload::Workload;

/// A round in which nothing moves for so long has stopped: longer than a dead server's lanes and their waits.
const STUCK: Duration = Duration::from_mins(1);
/// A round that goes on for so long will not end.
const LONGEST: Duration = Duration::from_mins(5);
/// For so many runs, one operation is called by hand in each round that needs no person: a process of its own.
const RUNS_FOR_A_CALL: usize = 40;

/// What a connection says that waits for a person.
const RECONNECT: &str = "ghl.reconnect";
/// Of no interest here.
static NO_TAGS: BTreeMap<usize, Vec<String>> = BTreeMap::new();

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Finished,
    Reconnect,
    Stuck,
}

/// A run.
pub struct Torture<'a> {
    args: &'a Args,
    house: House,
    sender: Arc<Sender>,
    random: StdRng,
    log: Log,
    killed: BTreeSet<u64>,
    unplanned: Vec<String>,
    failed: Vec<String>,
    done: Done,
}

impl<'a> Torture<'a> {
    /// A run that has not begun.
    pub fn new(args: &'a Args, house: House, sender: Arc<Sender>, random: StdRng) -> Self {
        Self {
            args,
            house,
            sender,
            random,
            log: Log::new(),
            killed: BTreeSet::new(),
            unplanned: Vec::new(),
            failed: Vec::new(),
            done: Done::default(),
        }
    }

    /// The sandbox's log, as far as it was read.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Goes through all rounds, until one shows a violation.
    pub async fn run(&mut self, plans: &[Plan]) -> Result<()> {
        self.authorize().await?;
        // Until an answer has told GHL's limits, calls go one by one; that is not what is tried here.
        let mut first = self.call(self.house.servers.len());
        while let Some(called) = first.join_next().await {
            called??;
        }
        for (number, plan) in plans.iter().enumerate() {
            let begun = Instant::now();
            let outcome = self.round(number, plan).await?;
            self.done.rounds += 1;
            println!(
                "round {}: {}: {outcome:?}, over after {:.1} s",
                number + 1,
                plan.name(),
                begun.elapsed().as_secs_f64()
            );
            if self.findings().is_red() {
                println!("torture tokens: stopped early, because the colour is certain");
                return Ok(());
            }
        }
        self.until_no_run_is_open().await
    }

    /// All that is known so far.
    pub fn findings(&self) -> Findings {
        let mut effects = effects::judge(&self.evidence(&self.sender.seen()));
        if !self.unplanned.is_empty() {
            effects.forget_unfinished();
        }
        let tokens = verdict::judge(&verdict::Evidence {
            log: &self.log,
            life_ms: self.args.life_ms(),
            settle_ms: self.args.patience_ms().settle,
            killed: &self.killed,
        });
        Findings {
            tokens,
            effects,
            unplanned: self.unplanned.clone(),
            failed: self.failed.clone(),
            done: self.done.clone(),
        }
    }

    /// One round to its end; how it would have ended without a person.
    async fn round(&mut self, number: usize, plan: &Plan) -> Result<Outcome> {
        self.until_due(plan).await?;
        if let Some(script) = plan.script(self.args.patience_ms().settle) {
            self.house.sandbox.script(&script).await?;
        }
        let holds_back = *plan == Plan::Kill { after_ms: None };
        self.house.relays.expect(holds_back);
        let deliveries = number * self.args.operations..(number + 1) * self.args.operations;
        let sending = Arc::clone(&self.sender).send_at_once(deliveries.clone(), self.random.random());
        let sending = tokio::spawn(sending);
        let by_hand = if plan.may_need_a_person() {
            0
        } else {
            self.args.operations.div_ceil(RUNS_FOR_A_CALL)
        };
        let mut calls = self.call(by_hand);
        if let Plan::Kill { after_ms } = plan {
            self.kill(number, *after_ms).await?;
        }
        let outcome = self.until_outcome(&deliveries, true).await?;
        let is_planned = match plan {
            Plan::Calm | Plan::Before { .. } => outcome == Outcome::Finished,
            Plan::Kill { .. } => outcome != Outcome::Stuck,
            Plan::After { .. } => outcome == Outcome::Reconnect,
        };
        if !is_planned {
            self.went_otherwise(number, &format!("{outcome:?} ({})", plan.name()));
            sending.abort();
            return Ok(outcome);
        }
        if outcome == Outcome::Reconnect {
            self.failed = self.runs("failed").await?;
            self.authorize().await?;
            self.done.reauthorizations += 1;
            let then = self.until_outcome(&deliveries, false).await?;
            if then != Outcome::Finished {
                self.went_otherwise(number, &format!("{then:?} after the authorization"));
                sending.abort();
                return Ok(outcome);
            }
        }
        while let Some(called) = calls.join_next().await {
            if let Err(error) = called? {
                self.went_otherwise(number, &format!("{error:#}"));
            }
        }
        sending.await??;
        Ok(outcome)
    }

    fn went_otherwise(&mut self, number: usize, how: &str) {
        self.unplanned.push(format!("round {}: {how}", number + 1));
    }

    /// Waits until the pair in force is due. In a calm round, work begins a little before or after that.
    async fn until_due(&mut self, plan: &Plan) -> Result<()> {
        self.house.sandbox.read_log(&mut self.log).await?;
        let life_ms = self.args.life_ms();
        let due = verdict::next_due(&self.log, life_ms).context("no tokens were handed out")?;
        let offset = match plan {
            Plan::Calm => self.random.random_range(-life_ms / 10..life_ms / 10),
            _ => self.random.random_range(0..life_ms / 10),
        };
        let now = self.house.sandbox.now_ms().await?;
        let wait = u64::try_from(due + offset - now).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        Ok(())
    }

    /// Kills the server that is handed the next pair, and starts it again.
    async fn kill(&mut self, number: usize, after_ms: Option<u64>) -> Result<()> {
        let Ok(Some(server)) = timeout(STUCK, self.house.relays.refreshed()).await else {
            self.went_otherwise(number, "no server was handed a new pair");
            return Ok(());
        };
        if let Some(after_ms) = after_ms.filter(|after_ms| *after_ms > 0) {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
        }
        self.house.servers[server].kill().await?;
        self.done.kills += 1;
        self.house.sandbox.read_log(&mut self.log).await?;
        self.killed.extend(verdict::last_refresh(&self.log));
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..700))).await;
        self.house.servers[server].start().await?;
        Ok(())
    }

    /// So many operations by hand: as many processes, spread over the servers.
    fn call(&mut self, wanted: usize) -> JoinSet<Result<()>> {
        let mut calls = JoinSet::new();
        for number in 0..wanted {
            let server = &self.house.servers[number % self.house.servers.len()];
            let contact = self.random.random_range(0..self.args.operations);
            let email = format!("email={}", self.sender.workload.emails[contact]);
            let mut command = server.client(&[
                "ops",
                "call",
                "ghl.contacts.find_duplicate",
                "--connection",
                CONNECTION,
                "--input",
                &email,
            ]);
            calls.spawn(async move {
                let output = command.output().await?;
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "an operation by hand failed: {said}");
                Ok(())
            });
        }
        self.done.calls += wanted;
        calls
    }

    /// Watches until every delivery has its effect, or, where that is to be watched for, a person is needed.
    async fn until_outcome(&mut self, deliveries: &Range<usize>, may_need_a_person: bool) -> Result<Outcome> {
        let begun = Instant::now();
        let mut last_change = Instant::now();
        loop {
            if self.house.sandbox.read_log(&mut self.log).await? {
                last_change = Instant::now();
            }
            let told = effects::told(&self.evidence(&self.sender.seen()));
            if deliveries
                .clone()
                .all(|index| told.contains(&Workload::order_of(index)))
            {
                return Ok(Outcome::Finished);
            }
            let asked = self.any_server();
            if may_need_a_person && self.house.trouble(asked).await?.as_deref() == Some(RECONNECT) {
                return Ok(Outcome::Reconnect);
            }
            if last_change.elapsed() > STUCK || begun.elapsed() > LONGEST {
                return Ok(Outcome::Stuck);
            }
            for server in &mut self.house.servers {
                server.still_running()?;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until every run is over, and asks which have failed.
    async fn until_no_run_is_open(&mut self) -> Result<()> {
        let begun = Instant::now();
        let open = loop {
            let mut open = Vec::new();
            for state in ["queued", "retrying", "held"] {
                open.extend(self.runs(state).await?);
            }
            if open.is_empty() || begun.elapsed() > STUCK {
                break open;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        let open = open.into_iter().map(|run| format!("at the end: {run}"));
        self.unplanned.extend(open);
        self.failed = self.runs("failed").await?;
        self.house.sandbox.read_log(&mut self.log).await?;
        Ok(())
    }

    /// A person agrees, wherever the proxy before the servers leads them.
    async fn authorize(&mut self) -> Result<()> {
        let (begun_at, ended_at) = (self.any_server(), self.any_server());
        self.house.authorize(begun_at, ended_at).await
    }

    async fn runs(&mut self, state: &str) -> Result<Vec<String>> {
        let asked = self.any_server();
        self.house.runs(asked, state).await
    }

    fn any_server(&mut self) -> usize {
        self.random.random_range(0..self.house.servers.len())
    }

    fn evidence<'b>(&'b self, seen: &'b Seen) -> effects::Evidence<'b> {
        effects::Evidence {
            scenario: self.sender.scenario,
            workload: &self.sender.workload,
            acknowledged: &seen.acknowledged,
            log: &self.log,
            user_tags: &[],
            final_tags: &NO_TAGS,
        }
    }
}
