//! The inbox: a delivery becomes a durable event, or is refused with a reason that says what to do.
//!
//! ```text
//! bytes ─decode─► verified ─► queue ─► groups, one transaction each ─► durable ─► 2xx
//!                    └─ wrong secret ─► sealed in quarantine ─► 401
//! ```
//!
//! Nothing here waits for workers: a delivery is answered when its group is on disk. When too much waits, it is
//! refused at once, before memory grows.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use cartlane_model::{EventId, QuarantineId, UnixMs};
use cartlane_store::inbox::{DeliveredItem, Delivery, Taken};
use cartlane_store::installs::{Install, Owner};
use cartlane_store::quarantine::{self, Aside};
use cartlane_store::{Error, inbox};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::Shared;
use crate::source::{Envelope, Judged, Read, Refusal, Sender, Source};

/// Deliveries of one transaction at most.
const GROUP: usize = 256;
/// Groups on their way to the disk at a time. While one is being written the next one gathers: more at a time would be
/// smaller ones, and cost more than they gain.
const WRITERS: usize = 1;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was the sender's check of the address; it made no event.
    Checked,
    /// It is a new event, durable.
    New(EventId),
    /// It was there already, as this event.
    Repeat(EventId),
}

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No connection has this key.
    #[error("no connection has this address; copy the whole web hook address again from `cartlane doctor`")]
    UnknownHook,
    /// Its secret word is not the connection's.
    #[error(
        "connection `{connection}` refused the delivery: thrivecart_secret is missing or not the one configured; \
         it is kept in quarantine as {kept}; correct the secret word, then run `cartlane quarantine release {kept}`"
    )]
    WrongSecret {
        /// The connection's name.
        connection: String,
        /// Where the delivery is kept.
        kept: QuarantineId,
    },
    /// It comes from another `ThriveCart` account.
    #[error(
        "connection `{connection}` refused the delivery: it is of ThriveCart account `{given}`, not `{expected}`; \
         it is kept in quarantine as {kept}"
    )]
    WrongAccount {
        /// The connection's name.
        connection: String,
        /// The account in the delivery.
        given: String,
        /// The account in the configuration.
        expected: String,
        /// Where the delivery is kept.
        kept: QuarantineId,
    },
    /// Its signature, or its time, does not show that it comes from the vendor.
    #[error("connection `{connection}` refused the delivery: {why}; it is kept in quarantine as {kept}")]
    Distrusted {
        /// The connection's name.
        connection: String,
        /// `hook.wrong_signature`, `hook.unsigned` or `hook.stale`.
        code: &'static str,
        /// What is wrong and what to do.
        why: &'static str,
        /// Where the delivery is kept.
        kept: QuarantineId,
    },
    /// Its body cannot be read.
    #[error("{0}")]
    NotDecodable(String),
    /// Too much waits already, or the database is away.
    #[error("too busy to store the delivery safely; send it again in a few seconds")]
    Overloaded,
    /// There is no room on the disk.
    #[error("the disk is full; nothing was stored; send it again once there is room")]
    StorageFull,
}

pub(crate) struct Job {
    delivery: Delivery,
    answer: oneshot::Sender<Result<Taken, Error>>,
}

/// What a quarantined delivery was, sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Put {
    #[serde(flatten)]
    pub envelope: Envelope,
    pub body: Vec<u8>,
}

/// Room in memory for part of a body; given back when dropped.
pub struct Room(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Shared {
    /// Room for `bytes` more of a body that is being read; `None` when too much is in memory already.
    pub(crate) fn room(&self, bytes: usize) -> Option<Room> {
        let permits = u32::try_from(bytes).ok()?;
        Arc::clone(&self.inbox_room)
            .try_acquire_many_owned(permits)
            .ok()
            .map(Room)
    }

    /// Notes that the sender checked the address of a hook.
    pub(crate) fn check_hook(&self, sender: Sender, hook_key: &str) -> Result<(), Refused> {
        let source = self.source_by_key(sender, hook_key)?;
        source.noted.checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn source_by_key(&self, sender: Sender, hook_key: &str) -> Result<Arc<Source>, Refused> {
        let directory = self.directory();
        let source = directory.source_by_key(hook_key, self.clock.now());
        let source = source.filter(|source| source.is_of(sender));
        source.map(Arc::clone).ok_or(Refused::UnknownHook)
    }

    pub(crate) async fn accept(
        &self,
        sender: Sender,
        hook_key: &str,
        envelope: Envelope,
        body: Bytes,
    ) -> Result<Accepted, Refused> {
        let source = self.source_by_key(sender, hook_key)?;
        match source.judge(&envelope, &body, self.clock.now())? {
            Judged::Ping => {
                source.noted.checked.store(true, Ordering::Relaxed);
                Ok(Accepted::Checked)
            }
            Judged::Refused(refusal) => {
                let put = Put {
                    envelope,
                    body: body.to_vec(),
                };
                Err(self.put_aside(&source, refusal, &put).await?)
            }
            Judged::Event(read) => {
                drop(body);
                self.store_delivery(&source, *read).await
            }
        }
    }

    /// Stores a delivery that is let in.
    pub(crate) async fn store_delivery(&self, source: &Source, read: Read) -> Result<Accepted, Refused> {
        let tells_of_the_app = read.install.is_some();
        let directory = self.directory();
        let source = directory.owner_of(source, &read.event.facts.payload);
        let delivery = self.delivery(source, read);
        source
            .noted
            .received_at
            .store(delivery.received_at.0, Ordering::Relaxed);
        #[cfg(feature = "break")]
        let early = (self.broken == Some(crate::Broken::AckBeforeCommit)).then_some(delivery.event_id);
        let (answer, stored) = oneshot::channel();
        self.inbox
            .try_send(Job { delivery, answer })
            .map_err(|_| Refused::Overloaded)?;
        #[cfg(feature = "break")]
        if let Some(event) = early {
            return Ok(Accepted::New(event));
        }
        match stored.await.unwrap_or(Err(Error::Stopped)) {
            Ok(Taken::New(event)) => {
                if tells_of_the_app && let Err(error) = self.settle_installs().await {
                    tracing::warn!(%error, "what the app's word means is settled later, by the monitor");
                }
                Ok(Accepted::New(event))
            }
            Ok(Taken::Repeat(event)) => Ok(Accepted::Repeat(event)),
            Err(Error::DiskFull { .. }) => Err(Refused::StorageFull),
            Err(error) => {
                tracing::error!(%error, connection = source.name, "a delivery was not stored");
                Err(Refused::Overloaded)
            }
        }
    }

    fn delivery(&self, source: &Source, read: Read) -> Delivery {
        let now = self.clock.now();
        let Read {
            event,
            kept_as,
            body,
            install,
        } = read;
        let is_ours = source.is_about(&event.facts.payload);
        let occurred_at = event.occurred_at.unwrap_or(now);
        let facts = event.facts;
        let (amount_minor, currency) = facts
            .amount
            .map_or((None, None), |money| (Some(money.minor), Some(money.currency)));
        let delivery = Delivery {
            event_id: EventId::new(now),
            workspace_id: source.workspace_id,
            connection_id: source.id,
            mode: facts.mode.map(cartlane_model::Mode::as_str),
            occurred_at,
            received_at: now,
            contact_keys: facts.person.keys(&source.id.to_string()),
            email: facts.person.email,
            order_id: facts.order_id,
            items: facts.items.iter().map(delivered).collect(),
            amount_minor,
            currency,
            content_type: kept_as,
            body,
            install: install.and_then(|install| word(source, install, occurred_at)),
            dedupe_keys: event.dedupe_keys.into_iter().map(|key| key.0).collect(),
            runs: if is_ours {
                let kind = facts.kind.as_str();
                self.automations
                    .runs_for(kind, facts.mode, source.sync_test_mode, now)
            } else {
                Vec::new() // of a location that nobody has connected
            },
            kind: facts.kind.0,
        };
        #[cfg(feature = "break")]
        let delivery = self.break_delivery(delivery);
        delivery
    }

    #[cfg(feature = "break")]
    fn break_delivery(&self, mut delivery: Delivery) -> Delivery {
        match self.broken {
            Some(crate::Broken::NoDedupe) => delivery.dedupe_keys.clear(),
            Some(crate::Broken::NoLanes) => {
                let id = delivery.event_id.to_string();
                delivery.contact_keys = vec![cartlane_model::ContactKey::Customer {
                    account: "broken".into(),
                    id,
                }];
            }
            _ => {}
        }
        delivery
    }

    async fn put_aside(&self, source: &Source, refusal: Refusal, put: &Put) -> Result<Refused, Refused> {
        let now = self.clock.now();
        let id = QuarantineId::new(now);
        let plain = serde_json::to_vec(put).unwrap_or_default();
        let aside = Aside {
            id,
            workspace_id: source.workspace_id,
            connection_id: source.id,
            received_at: now,
            reason: refusal.reason().to_owned(),
            released_at: None,
            sealed: self.vault.seal(crate::vault::QUARANTINE, &id.to_string(), &plain),
        };
        let keep = self.limits.quarantine_rows;
        let stored = self.db.write(move |tx| quarantine::put(tx, &aside, keep)).await;
        match stored {
            Ok(()) => Ok(refusal.refused(source.name.clone(), id)),
            Err(Error::DiskFull { .. }) => Err(Refused::StorageFull),
            Err(error) => {
                tracing::error!(%error, connection = source.name, "a refused delivery was not put aside");
                Err(Refused::Overloaded)
            }
        }
    }

    /// Writes what waits, in groups, until the inbox is closed.
    pub(crate) async fn run_inbox(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>) {
        let writers = Arc::new(tokio::sync::Semaphore::new(WRITERS));
        let mut group = Vec::new();
        while jobs.recv_many(&mut group, GROUP).await > 0 {
            let Ok(writer) = Arc::clone(&writers).acquire_owned().await else {
                return;
            };
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job); // came in while all writers were busy
            }
            let shared = Arc::clone(&self);
            let group = std::mem::take(&mut group);
            tokio::spawn(async move {
                shared.write_group(group).await;
                drop(writer);
            });
        }
    }

    async fn write_group(&self, jobs: Vec<Job>) {
        let (deliveries, answers): (Vec<Delivery>, Vec<_>) =
            jobs.into_iter().map(|job| (job.delivery, job.answer)).unzip();
        let deliveries = Arc::new(deliveries);
        match self.write_deliveries(&deliveries, 0, deliveries.len()).await {
            Ok(taken) => {
                self.work_is_there.notify_one();
                for (answer, taken) in answers.into_iter().zip(taken) {
                    let _ = answer.send(Ok(taken)); // the sender may have hung up; the event is kept
                }
            }
            Err(error) if answers.len() > 1 && !error.is_temporary() => {
                // One of them cannot be stored: the others must not suffer for it.
                for (index, answer) in answers.into_iter().enumerate() {
                    let taken = self.write_deliveries(&deliveries, index, index + 1).await;
                    let _ = answer.send(taken.and_then(|taken| taken.first().copied().ok_or(Error::Stopped)));
                }
                self.work_is_there.notify_one();
            }
            Err(error) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn write_deliveries(
        &self,
        deliveries: &Arc<Vec<Delivery>>,
        from: usize,
        to: usize,
    ) -> Result<Vec<Taken>, Error> {
        let deliveries = Arc::clone(deliveries);
        self.db
            .write(move |tx| inbox::take(tx, &deliveries[from..to]))
            .await
    }
}

/// An item as it is stored with a delivery.
pub(crate) fn delivered(item: &cartlane_model::Item) -> DeliveredItem {
    DeliveredItem {
        key: item.key(),
        name: item.name.clone(),
    }
}

/// What a delivery says of the app, to be written down; nothing where it does not say where.
fn word(source: &Source, install: cartlane_ghl::hooks::Install, changed_at: UnixMs) -> Option<Install> {
    let location = install.location_id.map(Owner::Location);
    Some(Install {
        workspace_id: source.workspace_id,
        connection_id: source.id,
        app_id: install.app_id,
        owner: location.or_else(|| install.company_id.map(Owner::Company))?,
        is_installed: install.is_installed,
        changed_at,
    })
}
