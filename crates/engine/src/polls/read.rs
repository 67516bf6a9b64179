//! One poll: read page by page, compared with what was seen, written down with the events that follow.
//!
//! | poll | reads | an item that was not seen before is |
//! |---|---|---|
//! | the first | what the next ones compare with | nothing; an event for automations with `existing` |
//! | of a whole list | all of it | new |
//! | of what has changed since | the last ten minutes again, and what came after | new, or changed where it was made before |
//!
//! What was read is written in batches, each with its events in one transaction. A poll that breaks off begins again and
//! finds what it has written; only its end moves the cursor.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cartlane_catalog::{Catalog, Operation};
use cartlane_flow::moments;
use cartlane_ghl::polled;
use cartlane_model::{AutomationId, RunId, UnixMs};
use cartlane_store::Error;
use cartlane_store::inbox::{Delivery, NewRun};
use cartlane_store::polls::{self, Claimed, Digest, Poll};
use serde_json::{Map, Value as Json};

use super::batch::Batch;
use super::item::{self, Seen};
use super::rule::{Extent, OVERLAP_MS, Rule};
use super::times::{backoff_ms, next_at};
use super::wanted::Watch;
use crate::Shared;
use crate::executor::{CallError, Executor, PageStream};
use crate::made::Occasion;

/// Items and events of one transaction, about.
const BATCH: usize = 500;
/// One that only has to wait (for a connection, for the budget) looks again after this.
const WAIT_MS: i64 = 60_000;

/// Why a poll was not read to its end.
enum Stop {
    Call(CallError),
    Store(Error),
    /// Another node has it, or nobody asks for it any more.
    Lost,
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// A poll at work.
struct Look<'a> {
    shared: &'a Arc<Shared>,
    poll: &'a Poll,
    operation: &'static Operation,
    rule: Rule,
    inputs: Json,
    began_at: UnixMs,
    watches: Vec<Watch>,
    /// Automations that are still to be given what is there.
    owed: Vec<AutomationId>,
    /// What changed before this is no news; `None` where the whole list is compared.
    from: Option<UnixMs>,
    newest: Option<UnixMs>,
    /// What is to be written: states, and events.
    states: HashMap<Digest, (Digest, Option<UnixMs>)>,
    events: Vec<Delivery>,
    /// All that are there, and whether any has an id.
    there: HashSet<Digest>,
    has_ids: bool,
    calls: i64,
    items: i64,
    /// How many events of this claim have told of something new or changed.
    told: i64,
}

impl Shared {
    /// Does a poll that was claimed.
    pub(super) async fn poll(self: &Arc<Self>, claimed: Claimed) {
        let poll = &claimed.poll;
        let ended = Box::pin(self.do_poll(&claimed)).await;
        let stored = match ended {
            Ok(()) | Err(Stop::Lost) => return,
            Err(Stop::Store(error)) => {
                tracing::warn!(%error, poll = poll.wanted.id, "what a poll saw was not stored; it is polled again");
                self.put_off(poll, poll.failures, None, WAIT_MS).await
            }
            Err(Stop::Call(error)) => {
                let waits = matches!(error, CallError::Paused { .. } | CallError::NoBudget { .. });
                let failures = poll.failures + i64::from(!waits);
                let in_ms = if waits {
                    WAIT_MS
                } else {
                    backoff_ms(poll.wanted.every_ms, failures)
                };
                let (code, error) = (error.code(), error.to_string());
                tracing::warn!(
                    poll = poll.wanted.id,
                    operation = poll.wanted.operation,
                    code,
                    error,
                    failures,
                    in_ms,
                    "a poll failed"
                );
                self.put_off(poll, failures, Some((code.to_owned(), error)), in_ms)
                    .await
            }
        };
        if let Err(error) = stored {
            tracing::warn!(%error, poll = poll.wanted.id, "a poll was not put off; its lease ends by itself");
        }
    }

    async fn put_off(
        &self,
        poll: &Poll,
        failures: i64,
        error: Option<(String, String)>,
        in_ms: i64,
    ) -> Result<(), Error> {
        let (poll, node) = (poll.clone(), self.node);
        let (code, words) = error.or_else(|| poll.error.clone()).unwrap_or_default();
        self.db
            .write(move |tx| {
                if polls::hold(tx, &poll, node)? {
                    polls::failed(tx, &poll.wanted.id, failures, (&code, &words), in_ms)?;
                }
                Ok(())
            })
            .await
    }

    async fn do_poll(self: &Arc<Self>, claimed: &Claimed) -> Result<(), Stop> {
        let poll = &claimed.poll;
        let id = &poll.wanted.id;
        let mut watched = self.watched();
        if watched.of(id).is_empty() {
            self.automations.refresh(&self.db).await?; // another node may have newer ones
            watched = self.watched();
        }
        let asking = watched.of(id);
        let operation = Catalog::builtin().get(&poll.wanted.operation);
        let (Some(operation), false) = (operation, asking.is_empty()) else {
            self.put_off(poll, poll.failures, None, WAIT_MS).await?;
            return Err(Stop::Lost);
        };
        Look::new(self, poll, operation, asking).run(claimed).await
    }
}

impl<'a> Look<'a> {
    fn new(
        shared: &'a Arc<Shared>,
        poll: &'a Poll,
        operation: &'static Operation,
        watches: &[Watch],
    ) -> Self {
        let began_at = shared.clock.now();
        let with: Map<String, Json> = serde_json::from_str(&poll.wanted.inputs).unwrap_or_default();
        let rule = Rule::of(operation, &with);
        let is_owed = |watch: &&Watch| watch.existing && !poll.existing_for.contains(&watch.automation_id);
        let owed: Vec<_> = watches
            .iter()
            .filter(is_owed)
            .map(|watch| watch.automation_id)
            .collect();
        let from =
            (rule.extent != Extent::Whole).then(|| poll.cursor.unwrap_or(began_at).plus_ms(-OVERLAP_MS));
        // Who is to be given what is there is given all of it.
        let since = if owed.is_empty() {
            from.unwrap_or_default()
        } else {
            UnixMs(0)
        };
        let inputs = moments::filled(operation, &with, began_at);
        Self {
            inputs: rule.inputs(inputs, since),
            shared,
            poll,
            operation,
            rule,
            began_at,
            watches: watches.to_vec(),
            owed,
            from,
            newest: poll.cursor,
            states: HashMap::new(),
            events: Vec::new(),
            there: HashSet::new(),
            has_ids: false,
            calls: 0,
            items: 0,
            told: 0,
        }
    }

    async fn run(mut self, claimed: &Claimed) -> Result<(), Stop> {
        let executor = self.shared.poll_executor();
        let connection = self.poll.wanted.connection_id.to_string();
        let pages = executor
            .pages(&connection, &self.operation.id, &self.inputs)
            .await;
        match pages {
            Ok(pages) => {
                self.read_pages(pages).await?;
                // What slipped through between two pages of the first look would be taken for news by the next one.
                if self.calls > 1 && self.poll.baseline_at.is_none() && self.rule.extent == Extent::Whole {
                    let again = executor.pages(&connection, &self.operation.id, &self.inputs);
                    let calls = self.calls;
                    self.read_pages(again.await?).await?;
                    self.calls = calls; // what each poll costs
                }
            }
            Err(CallError::NoPages(_)) => self.read_answer(&executor, &connection).await?,
            Err(error) => return Err(error.into()),
        }
        self.end(claimed).await
    }

    async fn read_pages(&mut self, mut pages: PageStream) -> Result<(), Stop> {
        if self.rule.extent != Extent::Since {
            pages.overlap();
        }
        while !pages.is_over() {
            self.calls += 1;
            let Some(page) = pages.turn().await? else {
                break;
            };
            if self.compare(page.items, !page.is_list).await? {
                break; // all that follow are older
            }
            if self.states.len() + self.events.len() >= BATCH {
                self.write(None).await?;
            }
        }
        Ok(())
    }

    /// An operation whose answer nobody has described as a list.
    async fn read_answer(&mut self, executor: &Executor, connection: &str) -> Result<(), Stop> {
        self.calls += 1;
        let output = executor
            .call(connection, &self.operation.id, &self.inputs)
            .await?;
        let (items, is_list) = item::items_of(output.value);
        self.compare(items, !is_list).await?;
        Ok(())
    }

    /// Compares items with what was seen; whether all that follow are older than what is looked for.
    async fn compare(&mut self, items: Vec<Json>, is_one: bool) -> Result<bool, Stop> {
        let mut seen = Vec::new();
        let mut is_last = false;
        for item in items {
            let one = if self.operation.answers_file() {
                self.shared.see_file(item).await?
            } else {
                item::see(&self.rule, item, is_one)
            };
            self.items += 1;
            self.newest = self.newest.max(one.changed_at.filter(|at| *at <= self.began_at));
            if self.is_older(&one) && self.owed.is_empty() {
                is_last |= self.rule.extent == Extent::DownTo;
            } else {
                seen.push(one);
            }
        }
        let ids: Vec<Digest> = seen.iter().map(|one| one.id).collect();
        let id = self.poll.wanted.id.clone();
        let known = self.shared.db.read(move |tx| polls::known(tx, &id, &ids)).await?;
        for one in seen {
            let file = one.file;
            if !self.note(&one, &known)
                && let Some(file) = file
            {
                self.shared.files().remove(file).await; // nobody is told of it
            }
        }
        Ok(is_last)
    }

    /// Notes the state of an item, and the events that follow from it. Whether there were any.
    fn note(&mut self, seen: &Seen, known: &HashMap<Digest, Digest>) -> bool {
        let events_before = self.events.len();
        self.there.insert(seen.id);
        self.has_ids |= seen.has_id;
        let before = self.states.get(&seen.id).map(|(state, _)| *state);
        let before = before.or_else(|| known.get(&seen.id).copied());
        let change = match before {
            _ if self.is_older(seen) => None,
            Some(state) if state == seen.state => None,
            Some(_) => Some("changed"),
            None if self.was_made_before(&seen.item) => Some("changed"),
            None => Some("new"),
        };
        if change.is_some() {
            self.states.insert(seen.id, (seen.state, seen.changed_at));
        }
        let is_first = self.poll.baseline_at.is_none();
        match change.filter(|_| !is_first) {
            Some(change) => {
                let runs = self.watches.iter().map(|watch| self.run_of(watch)).collect();
                self.told += 1;
                let key = format!("{}/{}", self.poll.round, self.told);
                self.events.push(self.event(seen, change, &key, runs));
            }
            None => {
                let owed = self
                    .watches
                    .iter()
                    .filter(|watch| self.owed.contains(&watch.automation_id));
                let events: Vec<Delivery> = owed
                    .map(|watch| {
                        let (id, state) = (hex::encode(seen.id), hex::encode(seen.state));
                        let key = format!("existing/{}/{id}/{state}", watch.automation_id);
                        self.event(seen, "existing", &key, vec![self.run_of(watch)])
                    })
                    .collect();
                self.events.extend(events);
            }
        }
        self.events.len() > events_before
    }

    /// Whether an item has not changed since what is looked for.
    fn is_older(&self, seen: &Seen) -> bool {
        self.from.zip(seen.changed_at).is_some_and(|(from, at)| at < from)
    }

    /// Whether an item that is not among what was seen was made before that.
    fn was_made_before(&self, item: &Json) -> bool {
        self.from
            .zip(polled::made_at(item))
            .is_some_and(|(from, made_at)| made_at < from)
    }

    fn run_of(&self, watch: &Watch) -> NewRun {
        NewRun {
            id: RunId::new(self.began_at),
            automation_id: watch.automation_id,
            version: watch.version,
        }
    }

    fn event(&self, seen: &Seen, change: &str, key: &str, runs: Vec<NewRun>) -> Delivery {
        let wanted = &self.poll.wanted;
        let made = item::made(&wanted.operation, &self.inputs, &seen.item, &wanted.id, change);
        let occasion = Occasion {
            workspace_id: wanted.workspace_id,
            connection_id: wanted.connection_id,
            occurred_at: seen.changed_at.unwrap_or(self.began_at),
            key: Some(format!("{}/{key}", wanted.id)),
            runs,
        };
        made.delivery(occasion, self.shared.clock.now())
    }

    async fn end(mut self, claimed: &Claimed) -> Result<(), Stop> {
        let mut existing_for = self.poll.existing_for.clone();
        existing_for.extend(self.owed.iter().copied());
        let now = UnixMs(claimed.now.0.max(self.shared.clock.now().0));
        let seen = polls::Seen {
            // Nothing that changes while the first poll reads may be older than what the next one looks at.
            cursor: self
                .newest
                .or(Some(self.began_at))
                .max(self.poll.baseline_at.is_none().then_some(self.began_at)),
            existing_for,
            calls: self.calls,
            items: self.items,
            next_at: next_at(self.poll, now),
        };
        self.write(Some(seen)).await
    }

    /// Whether what is not there any more is forgotten: where items are known by their content, one that comes back is
    /// news. Not where there was more than one page, since what is edited meanwhile may slip through between two.
    fn forgets(&self) -> bool {
        self.calls == 1 && !self.has_ids && (self.rule.id.is_none() || !self.there.is_empty())
    }

    /// Writes what was seen with the events that follow; with `end`, that the poll is over.
    async fn write(&mut self, end: Option<polls::Seen>) -> Result<(), Stop> {
        let mut events = std::mem::take(&mut self.events);
        events.sort_by_key(|event| event.occurred_at);
        let has_events = !events.is_empty();
        let states = std::mem::take(&mut self.states);
        let batch = Batch {
            poll: self.poll.clone(),
            node: self.shared.node,
            states: states
                .into_iter()
                .map(|(id, (state, at))| (id, state, at))
                .collect(),
            events,
            forget_but: (end.is_some() && self.forgets()).then(|| std::mem::take(&mut self.there)),
            forget_older: (self.rule.extent != Extent::Whole).then_some(2 * OVERLAP_MS),
            end,
        };
        let held = self.shared.db.write(move |tx| batch.write(tx)).await?;
        if has_events {
            self.shared.work_is_there.notify_one();
        }
        if held { Ok(()) } else { Err(Stop::Lost) }
    }
}
