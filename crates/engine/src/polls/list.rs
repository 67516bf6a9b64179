//! Polls for people: what is polled for whom, when next, what is wrong, what it costs.

use cartlane_model::UnixMs;
use cartlane_store::polls;

use super::price::per_day;
use crate::{AdminError, Handle};

/// A poll as people see it.
#[derive(Clone, Debug)]
pub struct PollHealth {
    /// Its id; `None` where it cannot be polled for want of a connection.
    pub id: Option<String>,
    /// The operation.
    pub operation: String,
    /// The connection's name.
    pub connection: Option<String>,
    /// Its inputs, as JSON.
    pub inputs: String,
    /// The automations that ask for it.
    pub automations: Vec<String>,
    /// How often, in milliseconds.
    pub every_ms: i64,
    /// When it is polled next; `None` while nobody asks for it.
    pub next_at: Option<UnixMs>,
    /// When it was last polled without a fault.
    pub last_at: Option<UnixMs>,
    /// How many items it saw then.
    pub items: Option<i64>,
    /// How many calls that took.
    pub calls: Option<i64>,
    /// Requests a day.
    pub calls_per_day: i64,
    /// How often in a row it has failed.
    pub failures: i64,
    /// The code and words of what is wrong.
    pub trouble: Option<(String, String)>,
}

impl Handle {
    /// All polls that are asked for, and those that rest.
    pub async fn polls(&self) -> Result<Vec<PollHealth>, AdminError> {
        let rows = self.db.read(|tx| polls::list(tx)).await?;
        let directory = self.directory();
        let watched = self.watched();
        let mut list: Vec<PollHealth> = Vec::new();
        for row in rows {
            let of_it = watched.of(&row.wanted.id).iter();
            let automations = of_it.map(|watch| watch.automation.clone()).collect();
            let calls_per_day = per_day(row.wanted.every_ms, row.last_calls.unwrap_or(1).max(1));
            list.push(PollHealth {
                connection: directory
                    .entry(row.wanted.connection_id)
                    .map(|entry| entry.name.clone()),
                operation: row.wanted.operation,
                inputs: row.wanted.inputs,
                automations,
                every_ms: row.wanted.every_ms,
                next_at: row.next_at,
                last_at: row.last_at,
                items: row.last_items,
                calls: row.last_calls,
                calls_per_day: if row.next_at.is_some() { calls_per_day } else { 0 },
                failures: row.failures,
                trouble: row.error.filter(|(code, _)| !code.is_empty()),
                id: Some(row.wanted.id),
            });
        }
        let unheard = watched.unheard.iter().map(|unheard| PollHealth {
            id: None,
            operation: unheard.operation.clone(),
            connection: None,
            inputs: "{}".into(),
            automations: vec![unheard.automation.clone()],
            every_ms: 0,
            next_at: None,
            last_at: None,
            items: None,
            calls: None,
            calls_per_day: 0,
            failures: 0,
            trouble: Some(("poll.no_connection".into(), unheard.why.into())),
        });
        list.extend(unheard);
        Ok(list)
    }
}
