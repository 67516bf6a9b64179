//! Watches a run come to rest, and collects what both witnesses know.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinHandle;

use super::Args;
use super::sender::{Seen, Sender};
use super::verdict::{self, Evidence};
use super::workload::Workload;
use crate::processes::Server;
use crate::sandbox::{Entry, Sandbox};

/// The sandbox's log, by position.
pub type Log = BTreeMap<u64, Entry>;

/// A run in which nothing moves for so long has stopped.
const STUCK: Duration = Duration::from_mins(2);
const STUCK_SMALL: Duration = Duration::from_secs(45);
const STUCK_CONTROL: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_mins(30);

/// How watching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing moves any more.
    Rest,
    /// A control has shown its colour.
    Early,
}

/// Waits for the sender, as long as it or the sandbox makes progress.
pub async fn until_sent(
    servers: &mut [Server],
    sandbox: &Sandbox,
    sending: JoinHandle<Result<()>>,
) -> Result<()> {
    let mut log = Log::new();
    let mut last_progress = Instant::now();
    while !sending.is_finished() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for server in &mut *servers {
            server.still_running()?;
        }
        if sandbox.read_log(&mut log).await? {
            last_progress = Instant::now();
        }
        if last_progress.elapsed() > STUCK {
            sending.abort();
            bail!(
                "deliveries aren't acknowledged, and nothing reaches GHL for {} s",
                STUCK.as_secs()
            );
        }
    }
    sending.await?
}

/// Waits until everything acknowledged has its effect and nothing moves any more, or nothing moves although it should.
///
/// A control ends as soon as its colour is certain.
pub async fn until_rest(
    args: &Args,
    servers: &mut [Server],
    sandbox: &Sandbox,
    sender: &Sender,
    user_tags: &[(usize, String)],
) -> Result<(Log, End)> {
    let mut log = Log::new();
    let (begun, seen, no_tags) = (Instant::now(), sender.seen(), BTreeMap::new());
    let mut last_change = Instant::now();
    let patience = args.patience_ms();
    // Half as long again as a request may be under way and still take effect.
    let rest = Duration::from_millis(u64::from(patience.request + patience.settle)) * 3 / 2;
    let stuck = match args.deliveries {
        _ if args.expect_red => STUCK_CONTROL,
        ..500 => STUCK_SMALL,
        _ => STUCK,
    };
    loop {
        if sandbox.read_log(&mut log).await? {
            last_change = Instant::now();
        }
        let evidence = evidence(args, sender, &seen, &log, user_tags, &no_tags);
        let quiet = last_change.elapsed();
        let pending = log.values().any(|entry| entry.pending);
        if quiet > stuck || (quiet > rest && !pending && verdict::is_complete(&evidence)) {
            return Ok((log, End::Rest));
        }
        let so_far = verdict::judge(&evidence);
        if args.expect_red && !(so_far.twice.is_empty() && so_far.inversions.is_empty()) {
            return Ok((log, End::Early));
        }
        if begun.elapsed() > LONGEST {
            bail!("no rest after {} minutes", LONGEST.as_secs() / 60);
        }
        for server in &mut *servers {
            server.still_running()?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Reads every contact of the workload through GHL's own API.
pub async fn final_tags(
    sandbox: &Sandbox,
    log: &Log,
    workload: &Workload,
) -> Result<BTreeMap<usize, Vec<String>>> {
    sandbox.calm().await?;
    let created = log.values().filter_map(|entry| {
        let effect = entry
            .effect
            .as_ref()
            .filter(|effect| effect.kind == "contact_created")?;
        let email = entry.request_body.get("email")?.as_str()?.to_lowercase();
        let contact = workload.emails.iter().position(|known| *known == email)?;
        Some((contact, effect.contact_id.as_str()))
    });
    let mut tags = BTreeMap::new();
    for (contact, id) in created {
        // A budget that the servers have just used up is back after an interval.
        for attempt in 0.. {
            match sandbox.tags(id).await {
                Ok(Some(found)) => drop(tags.insert(contact, found)),
                Ok(None) => (),
                Err(_) if attempt < 30 => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            break;
        }
    }
    Ok(tags)
}

/// All that is known, for the verdict.
pub fn evidence<'a>(
    args: &Args,
    sender: &'a Sender,
    seen: &'a Seen,
    log: &'a Log,
    user_tags: &'a [(usize, String)],
    final_tags: &'a BTreeMap<usize, Vec<String>>,
) -> Evidence<'a> {
    Evidence {
        scenario: args.scenario,
        workload: &sender.workload,
        acknowledged: &seen.acknowledged,
        log,
        user_tags,
        final_tags,
    }
}
