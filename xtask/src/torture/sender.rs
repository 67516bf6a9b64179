//! The shop's side: sends every delivery until it is acknowledged, as ThriveCart would, and writes down what it saw.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::gate::Gate;
use super::verdict::Scenario;
use super::workload::Workload;
use crate::http;
use crate::processes::HOOK_PATH;

/// What the sender saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Order ids that were answered with 2xx.
    pub acknowledged: BTreeSet<u32>,
    /// Requests sent.
    pub attempts: u64,
    /// Attempts that had to be repeated.
    pub unanswered: u64,
    /// Deliveries sent once more although they were acknowledged.
    pub duplicates: u64,
}

/// Sends a workload.
pub struct Sender {
    /// What.
    pub workload: Arc<Workload>,
    /// How.
    pub scenario: Scenario,
    /// Where to: any of these, drawn anew for every attempt.
    pub servers: Vec<SocketAddr>,
    /// Deliveries a second that are aimed at, all contacts together.
    pub rate: f64,
    /// One in so many acknowledged deliveries is sent again.
    pub duplicate_every: u32,
    /// Where deliveries gather before a kill.
    pub gate: Arc<Gate>,
    /// What was seen so far.
    pub seen: Mutex<Seen>,
}

impl Sender {
    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all is acknowledged.
    pub fn is_finished(&self) -> bool {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .acknowledged
            .len()
            == self.workload.deliveries.len()
    }

    /// Sends everything, all contacts side by side; ends when all is acknowledged.
    pub async fn run(self: Arc<Self>, seed: u64) -> Result<()> {
        let mut contacts = JoinSet::new();
        for contact in 0..self.workload.emails.len() {
            let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(contact as u64));
            let mut story = self.workload.story(contact);
            let sender = Arc::clone(&self);
            match self.scenario {
                Scenario::Order => drop(contacts.spawn(sender.tell(story, random))),
                Scenario::Shuffle => {
                    let mut random = random;
                    story.shuffle(&mut random);
                    let start = sender.somewhen(&mut random);
                    for index in story {
                        let random = StdRng::seed_from_u64(random.random());
                        contacts.spawn(Arc::clone(&sender).tell_later(start, index, random));
                    }
                }
            }
        }
        while let Some(ended) = contacts.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Sends these deliveries, all at once; ends when all are acknowledged.
    pub async fn send_at_once(self: Arc<Self>, indexes: Range<usize>, seed: u64) -> Result<()> {
        let mut sending = JoinSet::new();
        for index in indexes {
            let random = StdRng::seed_from_u64(seed.wrapping_add(index as u64));
            sending.spawn(Arc::clone(&self).tell_later(Duration::ZERO, index, random));
        }
        while let Some(ended) = sending.join_next().await {
            ended?;
        }
        Ok(())
    }

    async fn tell(self: Arc<Self>, story: Vec<usize>, mut random: StdRng) {
        for index in story {
            // Bursts with pauses between them: some deliveries follow at once on the one before.
            if random.random_bool(0.3) {
                tokio::time::sleep(self.pause(&mut random)).await;
            }
            self.deliver(index, &mut random).await;
        }
    }

    async fn tell_later(self: Arc<Self>, start: Duration, index: usize, mut random: StdRng) {
        tokio::time::sleep(start).await;
        self.deliver(index, &mut random).await;
    }

    /// Exponential, with the mean that makes up for the deliveries without a pause.
    fn pause(&self, random: &mut StdRng) -> Duration {
        let contacts = f64::from(u32::try_from(self.workload.emails.len()).unwrap_or(u32::MAX));
        let mean = contacts / self.rate / 0.3;
        Duration::from_secs_f64((-random.random_range(f64::EPSILON..1.0).ln() * mean).min(30.0))
    }

    /// Any moment of the time that sending takes.
    fn somewhen(&self, random: &mut StdRng) -> Duration {
        let deliveries = f64::from(u32::try_from(self.workload.deliveries.len()).unwrap_or(u32::MAX));
        Duration::from_secs_f64(random.random_range(0.0..1.0) * deliveries / self.rate)
    }

    async fn deliver(&self, index: usize, random: &mut StdRng) {
        let delivery = &self.workload.deliveries[index];
        let request = http::encode_form(HOOK_PATH, delivery.body.as_bytes());
        self.gate.pass().await;
        self.until_acknowledged(&request, random).await;
        self.note(|seen| seen.acknowledged.extend([delivery.order]));
        if random.random_ratio(1, self.duplicate_every) {
            self.note(|seen| seen.duplicates += 1);
            self.until_acknowledged(&request, random).await;
        }
    }

    async fn until_acknowledged(&self, request: &[u8], random: &mut StdRng) {
        loop {
            let server = random.random_range(0..self.servers.len());
            self.note(|seen| seen.attempts += 1);
            let reply = http::once(self.servers[server], request, Duration::from_secs(10)).await;
            if reply.is_ok_and(|reply| reply.is_success()) {
                self.gate.acknowledged(server);
                return;
            }
            self.note(|seen| seen.unanswered += 1);
            tokio::time::sleep(Duration::from_millis(random.random_range(20..300))).await;
        }
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
