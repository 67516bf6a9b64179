//! Polls: what nobody tells us of is looked at again and again, and what is new or changed becomes an event.
//!
//! ```text
//! automations ─ wanted ─► store::polls ─ due: claim ─► read, page by page ─► item: new? changed?
//!                              ▲                                                   │ one transaction
//!                              └── cursor, items seen, next_at ◄─── events ◄───────┘ with the events
//! ```
//!
//! Several automations that ask a connection for the same share one poll, and one fetch. A poll is claimed by one node at a
//! time; what it has seen is written together with the events that follow from it, under the claim, so that each state that
//! is there at the moment of a poll becomes an event once, whatever breaks in between. What is known of a poll belongs to
//! the poll, not to the automations, and outlasts their edits.
//!
//! Start reading at [`wanted`], then `read`.

mod batch;
mod file;
mod item;
mod list;
mod price;
mod read;
mod rule;
mod sample;
mod times;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use cartlane_store::Error;
use cartlane_store::polls::{self, Claimed};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Shared;

pub use list::PollHealth;
pub(crate) use price::Measured;
pub use price::Price;
use wanted::Watched;
pub(crate) use wanted::{LastWatched, asked, poll_id};

/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So many polls are read side by side.
const AT_ONCE: usize = 32;
/// A poll belongs to a node so long without renewal …
const LEASE_MS: i64 = 60_000;
/// … and is renewed this often.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// What is asked for is compared with the store this often, even when nothing seems to have changed.
const COMPARE_EVERY: Duration = Duration::from_mins(1);

/// What was last told to the store.
struct Told {
    watched: Arc<Watched>,
    at: Instant,
}

impl Shared {
    /// Polls and makes scheduled events, until dropped.
    pub(crate) async fn run_polls(self: Arc<Self>) {
        let mut told: Option<Told> = None;
        let mut renewed_at = Instant::now();
        let mut at_work = JoinSet::new();
        loop {
            while at_work.try_join_next().is_some() {}
            if let Err(error) = self.look_for_polls(&mut told, &mut at_work).await {
                tracing::warn!(%error, "polls could not be looked after");
            }
            if renewed_at.elapsed() > RENEW_EVERY {
                let node = self.node;
                let renewed = self
                    .db
                    .write(move |tx| polls::extend_leases(tx, node, LEASE_MS))
                    .await;
                if let Err(error) = renewed {
                    tracing::warn!(%error, "the leases of polls were not extended");
                }
                renewed_at = Instant::now();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look_for_polls(
        self: &Arc<Self>,
        told: &mut Option<Told>,
        at_work: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        self.tell_what_is_asked_for(told).await?;
        self.make_what_is_due().await?;
        let free = AT_ONCE.saturating_sub(at_work.len());
        if free == 0 || !self.db.read(|tx| polls::any_due(tx)).await? {
            return Ok(());
        }
        let (node, limit) = (self.node, i64::try_from(free).unwrap_or(i64::MAX));
        let claimed: Vec<Claimed> = self
            .db
            .write(move |tx| polls::claim(tx, node, LEASE_MS, limit))
            .await?;
        for claimed in claimed {
            let shared = Arc::clone(self);
            at_work.spawn(async move { shared.poll(claimed).await });
        }
        Ok(())
    }

    /// Tells the store what automations ask for, where that has changed.
    async fn tell_what_is_asked_for(&self, told: &mut Option<Told>) -> Result<(), Error> {
        let is_told =
            |told: &Told| Arc::ptr_eq(&told.watched, &self.watched()) && told.at.elapsed() < COMPARE_EVERY;
        if told.as_ref().is_some_and(is_told) {
            return Ok(());
        }
        self.automations.refresh(&self.db).await?; // another node may have newer ones
        let watched = self.watched();
        let wanted = watched.wanted();
        let schedules = self.wanted_schedules(&self.directory(), &self.automations.present());
        self.db
            .write(move |tx| {
                polls::want(tx, &wanted)?;
                cartlane_store::schedules::want(tx, &schedules)
            })
            .await?;
        *told = Some(Told {
            watched,
            at: Instant::now(),
        });
        Ok(())
    }
}
