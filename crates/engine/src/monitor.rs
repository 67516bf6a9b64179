//! Keeps connections in step with what is known of them: pauses, probes, resumes; brings back runs that were set aside.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cartlane_store::connections::{self, Trouble};
use cartlane_store::{Error, runs};

use crate::Shared;
use crate::budget::{Class, Leave};
use crate::directory::{Directory, Target, flush};
use crate::exchange::Came;
use crate::installs::UNINSTALLED;

const EVERY: Duration = Duration::from_secs(1);
/// A paused connection is probed this often. A probe is one cheap read.
const PROBE_EVERY_MS: i64 = 15_000;
const FIRST_PROBE_MS: i64 = 1_000;
/// Runs that lack a scope are tried again this often, so many of each automation.
const BRING_BACK_EVERY: u32 = 60;
const BRING_BACK: i64 = 20;
/// What is to do about connections is logged soon after the start and then each day, by seconds.
const REMIND_EVERY: u32 = 24 * 60 * 60;
const FIRST_REMINDER: u32 = 10;

impl Shared {
    /// Pauses a connection: its lanes wait, nothing fails, people are told.
    pub(crate) async fn pause(&self, target: &Target, code: &str, why: &str) {
        let (id, code_owned, why_owned) = (target.id, code.to_owned(), why.to_owned());
        let _in_step = self.troubles.lock().await;
        target.set_trouble(Some(Trouble {
            code: code.into(),
            reason: why.into(),
            since: self.now(),
        }));
        let paused = self
            .db
            .write(move |tx| connections::pause(tx, id, &code_owned, &why_owned, FIRST_PROBE_MS))
            .await;
        match paused {
            Ok(true) => {
                tracing::error!(
                    connection = target.name,
                    code,
                    why,
                    "connection paused; its lanes wait"
                );
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, connection = target.name, "a pause was not stored"),
        }
    }

    /// Until dropped.
    pub(crate) async fn run_monitor(self: Arc<Self>) {
        for round in 1_u32.. {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.look_after(round).await {
                tracing::warn!(%error, "the connections could not be looked after");
            }
        }
    }

    async fn look_after(&self, round: u32) -> Result<(), Error> {
        self.refresh_connections().await?;
        let directory = self.directory();
        flush(&directory, &self.db).await?;
        self.automations.refresh(&self.db).await?;
        self.read_troubles(&directory).await?;
        let check_every = Duration::from_millis(self.limits.check_every_ms.unsigned_abs());
        for target in directory.targets() {
            // A connection whose app was removed waits for a person, whatever its token can still do.
            let waits_for_a_person = target
                .trouble()
                .is_some_and(|trouble| trouble.code == UNINSTALLED);
            if target.is_paused() && !waits_for_a_person {
                self.probe(target).await?;
            } else if !target.is_paused() && target.silent_for() > check_every {
                self.check(target).await?;
            }
        }
        self.settle_installs().await?;
        self.wake_waiting().await?;
        if round % REMIND_EVERY == FIRST_REMINDER {
            for connection in self.connections_health().await? {
                for note in &connection.notes {
                    tracing::warn!(connection = connection.row.name, note, "there is something to do");
                }
            }
        }
        if round.is_multiple_of(BRING_BACK_EVERY) {
            let back = self.db.write(|tx| runs::bring_back(tx, BRING_BACK)).await?;
            if back > 0 {
                tracing::info!(runs = back, "runs that were set aside are tried again");
                self.work_is_there.notify_one();
            }
        }
        Ok(())
    }

    /// Takes over what other servers have paused and resumed.
    async fn read_troubles(&self, directory: &Directory) -> Result<(), Error> {
        let _in_step = self.troubles.lock().await;
        let rows = self.db.read(|tx| connections::list(tx)).await?;
        for row in rows {
            if let Some(target) = directory.target(row.id) {
                target.set_trouble(row.trouble);
            }
        }
        Ok(())
    }

    async fn probe(&self, target: &Target) -> Result<(), Error> {
        let id = target.id;
        if !self
            .db
            .write(move |tx| connections::take_probe(tx, id, PROBE_EVERY_MS))
            .await?
        {
            return Ok(());
        }
        if self.answers(target).await {
            self.resume(target).await?;
        }
        Ok(())
    }

    /// Tries a connection of which nothing was heard for long, so that a token that was taken back shows before the next
    /// sale.
    async fn check(&self, target: &Target) -> Result<(), Error> {
        let (id, every_ms) = (target.id, self.limits.check_every_ms);
        let taken = self.db.write(move |tx| connections::take_check(tx, id, every_ms));
        if !taken.await? {
            return Ok(());
        }
        let Leave::Now(permit) = self.budgets.acquire(target.id, Class::Live).await else {
            return Ok(());
        };
        let Some(exchange) = target.line.probe().await else {
            return Ok(());
        };
        permit.answered(&exchange.rate);
        match exchange.outcome {
            Came::Rejected(refusal) if refusal.is_trouble() => {
                self.pause(target, refusal.code(), &refusal.advice()).await;
            }
            Came::Success(_) | Came::Rejected(_) => target.heard(exchange.finished_at),
            Came::NotSent(why) | Came::Unclear(why) => {
                tracing::warn!(connection = target.name, why, "it did not answer a check");
            }
        }
        Ok(())
    }

    /// Probes a connection whose secret was changed, and ends its pause where it works.
    pub(crate) async fn probe_now(&self, target: &Target) -> Result<(), Error> {
        let waits_for_a_person = target
            .trouble()
            .is_some_and(|trouble| trouble.code == UNINSTALLED);
        if !waits_for_a_person && self.answers(target).await {
            self.resume(target).await?;
        }
        Ok(())
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self, target: &Target) -> Result<(), Error> {
        let id = target.id;
        let _in_step = self.troubles.lock().await;
        target.failures.store(0, Ordering::Relaxed);
        target.set_trouble(None);
        let lanes = self.db.write(move |tx| connections::resume(tx, id)).await?;
        tracing::info!(
            connection = target.name,
            lanes,
            "connection works again; its lanes go on"
        );
        self.work_is_there.notify_one();
        Ok(())
    }

    /// Whether the connection answers a cheap call: also a refusal for want of a scope shows that its token is good.
    async fn answers(&self, target: &Target) -> bool {
        let Leave::Now(permit) = self.budgets.acquire(target.id, Class::Live).await else {
            return false;
        };
        let Some(exchange) = target.line.probe().await else {
            return true;
        };
        permit.answered(&exchange.rate);
        match exchange.outcome {
            Came::Success(_) => true,
            Came::Rejected(rejection) => !rejection.is_trouble(),
            Came::NotSent(_) | Came::Unclear(_) => false,
        }
    }

    pub(crate) fn leases_renewed(&self, asked_at: tokio::time::Instant) {
        *self
            .leases_renewed_at
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = asked_at;
    }

    /// Whether this node's leases surely still hold.
    pub(crate) fn lease_is_fresh(&self) -> bool {
        let renewed_at = *self
            .leases_renewed_at
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        renewed_at.elapsed() < Duration::from_millis(self.limits.lease_ms.unsigned_abs() * 3 / 4)
    }
}
