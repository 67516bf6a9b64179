//! What a poll costs: requests a day, of those that an account allows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cartlane_catalog::Catalog;
use cartlane_flow::{Document, moments, on};
use cartlane_store::polls;
use serde::Serialize;
use serde_json::Value as Json;

use super::rule::{Extent, Rule};
use super::wanted::{asked, id};
use crate::directory::Target;
use crate::{AdminError, Handle};

const DAY_MS: i64 = 24 * 3_600_000;
/// The most pages that are read to find out what a poll would take.
const MOST_PAGES: i64 = 20;

/// For how long it counts how many pages a list had.
const LASTS: Duration = Duration::from_mins(5);

/// How many pages lists had that are not polled yet, by the poll's id, so that one who looks at a price and then applies reads
/// them once.
#[derive(Default)]
pub(crate) struct Measured(Mutex<HashMap<String, (Instant, Pages)>>);

/// How many requests a poll takes, and whether that is all.
type Pages = (i64, bool);

impl Measured {
    fn get(&self, poll: &str) -> Option<Pages> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < LASTS);
        known.get(poll).map(|(_, pages)| *pages)
    }

    fn put(&self, poll: String, pages: Pages) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(poll, (Instant::now(), pages));
    }
}

/// The price of a poll that a document asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Price {
    /// The automation.
    pub automation: String,
    /// The operation.
    pub operation: String,
    /// The connection; `None` where there is none that fits.
    pub connection: Option<String>,
    /// How often, in minutes.
    pub every_minutes: i64,
    /// Requests that one poll takes: as many as last time, else as many as the list has pages now, up to a limit.
    pub calls: i64,
    /// Whether that was measured; else it is the least.
    pub is_measured: bool,
    /// Requests a day that this poll adds: none where it is polled as often for another automation.
    pub calls_per_day: i64,
    /// Requests a day that polls of the connection may make, as far as that is known.
    pub allowed_per_day: Option<i64>,
}

/// Requests a day.
pub(super) fn per_day(every_ms: i64, calls: i64) -> i64 {
    DAY_MS / every_ms.max(1) * calls
}

impl Handle {
    /// What the polls of these documents would cost, before they are applied.
    pub async fn prices(&self, documents: &[Json]) -> Result<Vec<Price>, AdminError> {
        let known = self.db.read(|tx| polls::list(tx)).await?;
        let left = self.budgets.left().await?;
        let directory = self.directory();
        let mut prices: Vec<Price> = Vec::new();
        let mut asked_for: Vec<(String, i64)> = Vec::new();
        for document in documents {
            let document = Document::from_json(document, Catalog::builtin())?;
            for poll in document.polls() {
                let found = asked(&directory, poll, document.connection.as_deref()).ok();
                let id = found
                    .as_ref()
                    .map(|(target, inputs)| id(target, &poll.operation, inputs));
                let row = known.iter().find(|row| Some(&row.wanted.id) == id.as_ref());
                let (calls, is_measured) = match (row.and_then(|row| row.last_calls), &found) {
                    (Some(calls), _) => (calls.max(1), true),
                    (None, Some((target, inputs))) => {
                        let id = super::wanted::id(target, &poll.operation, inputs);
                        match self.measured.get(&id) {
                            Some(pages) => pages,
                            None => {
                                let pages = self.pages_of(target, poll).await;
                                if pages.1 {
                                    self.measured.put(id, pages);
                                }
                                pages
                            }
                        }
                    }
                    (None, None) => (1, false),
                };
                let every_ms = poll.every_ms();
                let others = id.as_ref().and_then(|id| {
                    asked_for
                        .iter()
                        .filter(|(other, _)| other == id)
                        .map(|(_, every)| *every)
                        .min()
                });
                let before = [
                    others,
                    row.filter(|row| row.next_at.is_some())
                        .map(|row| row.wanted.every_ms),
                ];
                let before = before
                    .into_iter()
                    .flatten()
                    .min()
                    .map_or(0, |every_ms| per_day(every_ms, calls));
                let allowed = found.as_ref().and_then(|(target, _)| {
                    let left = left.iter().find(|left| left.all.connection == target.id)?;
                    Some(left.all.limits?.daily? / 2)
                });
                prices.push(Price {
                    automation: document.name.clone(),
                    operation: poll.operation.clone(),
                    connection: found.map(|(target, _)| target.name.clone()),
                    every_minutes: every_ms / 60_000,
                    calls,
                    is_measured,
                    calls_per_day: (per_day(every_ms, calls) - before).max(0),
                    allowed_per_day: allowed,
                });
                asked_for.extend(id.map(|id| (id, every_ms)));
            }
        }
        Ok(prices)
    }

    /// How many requests a poll that was never made takes, and whether that is all: the list is read, where all of it will be
    /// each time.
    async fn pages_of(&self, target: &Target, poll: &on::Poll) -> Pages {
        let Some(operation) = Catalog::builtin().get(&poll.operation) else {
            return (1, false);
        };
        if Rule::of(operation, &poll.with).extent != Extent::Whole {
            return (1, false); // what has changed is rarely more than a page
        }
        let inputs = moments::filled(operation, &poll.with, self.clock.now());
        let executor = self.executor();
        let Ok(mut pages) = executor.pages(&target.name, &poll.operation, &inputs).await else {
            return (1, false);
        };
        let mut calls = 0;
        while !pages.is_over() && calls < MOST_PAGES {
            calls += 1;
            if !matches!(pages.turn().await, Ok(Some(_))) {
                return (calls, false);
            }
        }
        (calls.max(1), pages.is_over())
    }
}
