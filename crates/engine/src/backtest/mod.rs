//! A draft against the events of a period: which of them it would treat differently from what was done.
//!
//! ```text
//! stored events ─┬─ the version that ran, over its recorded steps ─► what was done      ┐
//!                └─ the draft, over the same answers               ─► what would be done ┴─► differences, grouped
//! ```
//!
//! What always holds: nothing is sent and nothing is written. A step of the draft that has the operation of a step that was
//! done, and its name, gets the answer that this one got; the answers of others are made up, and marked `(unknown)`.

mod differences;
mod side;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cartlane_flow::Compiled;
use cartlane_model::{AutomationId, EventId, UnixMs};
use cartlane_store::automations;
use cartlane_store::past::{self, Past, Period};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::fold::Given;
use crate::starts::starts;
use crate::stored::event_of;
use crate::{AdminError, Handle};
use differences::differences;
use side::{Side, drafted, recorded};

/// Events that are read at a time.
const PAGE: i64 = 500;

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// The draft; it need not be saved.
    pub document: Json,
    /// The automation whose work it is held against, by its name; `None` for the one of the draft's name.
    pub instead_of: Option<String>,
    /// Events that came in at this moment or later.
    pub from: UnixMs,
    /// Events that came in before this one.
    pub until: UnixMs,
    /// Only this event, with all that was and would be done.
    pub event: Option<EventId>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Backtested {
    /// The draft's name.
    pub automation: String,
    /// The automation that it is held against; `None` where there is none, so that nothing was done.
    pub instead_of: Option<String>,
    /// Events that were looked at.
    pub events: usize,
    /// Those that it would treat as they were treated.
    pub same: usize,
    /// Those whose run is not over, of which nothing can be told yet.
    pub open: usize,
    /// The others, by what differs; the largest group first.
    pub groups: Vec<Group>,
    /// Both sides of the one event that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Json>,
}

/// Events that differ in the same things.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What differs, in sentences.
    pub differences: Vec<String>,
    /// The events, oldest first.
    pub events: Vec<EventId>,
}

/// What the draft is held against.
struct Former {
    id: AutomationId,
    name: String,
    versions: HashMap<i64, Arc<Compiled>>,
    kinds: BTreeSet<String>,
}

impl Handle {
    /// Tries a draft on stored events.
    ///
    /// # Errors
    /// Where the document has faults, or there is no automation of the name that it is held against.
    pub async fn backtest(&self, wanted: &Backtest) -> Result<Backtested, AdminError> {
        let draft = crate::automations::compile(&wanted.document)?;
        let former = self.former(&draft, wanted.instead_of.as_deref()).await?;
        let mut kinds: BTreeSet<String> = draft.document().all_kinds().map(str::to_owned).collect();
        kinds.extend(former.iter().flat_map(|former| former.kinds.iter().cloned()));
        let period = Period {
            from: wanted.from,
            until: wanted.until,
            kinds: kinds.into_iter().collect(),
            with_tests: false,
        };
        let mut result = Backtested {
            automation: draft.document().name.clone(),
            instead_of: former.as_ref().map(|former| former.name.clone()),
            ..Backtested::default()
        };
        let mut groups: BTreeMap<Vec<String>, Vec<EventId>> = BTreeMap::new();
        let id = former.as_ref().map(|former| former.id);
        let mut after = None;
        loop {
            let (asked, only) = (period.clone(), wanted.event);
            let page = self.db.read(move |tx| match only {
                Some(event) => past::one(tx, event, id),
                None => past::page(tx, &asked, id, after, PAGE),
            });
            let page = page.await?;
            let Some(last) = page.last() else { break };
            after = Some(last.event.id);
            for past in &page {
                result.events += 1;
                match self.compare(&draft, former.as_ref(), past).await? {
                    None => result.open += 1,
                    Some((was, would)) => {
                        let differences = differences(&was, &would);
                        if wanted.event.is_some() {
                            result.detail = Some(json!({"was": was.to_json(), "would_be": would.to_json()}));
                        }
                        if differences.is_empty() {
                            result.same += 1;
                        } else {
                            groups.entry(differences).or_default().push(past.event.id);
                        }
                    }
                }
            }
            if wanted.event.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        result.groups = groups
            .into_iter()
            .map(|(differences, events)| Group { differences, events })
            .collect();
        result
            .groups
            .sort_by_key(|group| std::cmp::Reverse(group.events.len()));
        Ok(result)
    }

    async fn former(&self, draft: &Compiled, named: Option<&str>) -> Result<Option<Former>, AdminError> {
        let name = named.unwrap_or(&draft.document().name);
        let rows = self.automations().await?;
        let Some(row) = rows.iter().find(|row| row.name == *name) else {
            return match named {
                None => Ok(None),
                Some(name) => Err(AdminError::Unknown {
                    noun: "automation",
                    id: name.to_owned(),
                    list: "automations list",
                }),
            };
        };
        let id = row.id;
        let mut former = Former {
            id,
            name: row.name.clone(),
            versions: HashMap::new(),
            kinds: BTreeSet::new(),
        };
        for version in self.db.read(move |tx| automations::versions(tx, id)).await? {
            // One that this program does not take any more cannot be held against.
            if let Ok(compiled) = self.automations.version(&self.db, id, version.version).await {
                let kinds = compiled.document().all_kinds();
                former.kinds.extend(kinds.map(str::to_owned));
                former.versions.insert(version.version, compiled);
            }
        }
        Ok(Some(former))
    }

    /// What was and what would be done for an event; `None` where its run is not over.
    async fn compare(
        &self,
        draft: &Compiled,
        former: Option<&Former>,
        past: &Past,
    ) -> Result<Option<(Side, Side)>, AdminError> {
        let mut event = event_of(&past.event).map_err(AdminError::Unfit)?;
        self.name_items(&mut event).await?;
        let settings = self.settings_for(&event);
        let automation = former.map_or(AutomationId::new(event.received_at), |former| former.id);
        let versions = former.iter().flat_map(|former| former.versions.values());
        let mut all = versions.map(Arc::as_ref).chain([draft]);
        let history = match all.find(|compiled| compiled.reads("contact")) {
            Some(reader) => self.history_for(reader, &event, true).await?,
            None => None,
        };
        let given = |compiled| Given {
            compiled,
            event: &event,
            settings: &settings,
            history: history.as_ref(),
            automation,
        };
        let ran = match (&past.run, former) {
            (Some((version, state)), Some(former)) => {
                if !matches!(state.as_str(), "done" | "skipped" | "failed") {
                    return Ok(None);
                }
                let compiled = former.versions.get(version);
                Some((*version, compiled.ok_or_else(|| gone(&former.name, *version))?))
            }
            _ => None,
        };
        let was = match ran {
            None => Side::nothing(),
            Some((_, compiled)) => recorded(given(compiled), &past.steps),
        };
        let would = if starts(&self.directory(), draft.document(), &event) {
            drafted(given(draft), &past.steps, &was)
        } else {
            Side::nothing()
        };
        Ok(Some((was, would)))
    }
}

fn gone(name: &str, version: i64) -> AdminError {
    AdminError::Unfit(format!(
        "version {version} of `{name}`, which ran then, is not taken by this program any more"
    ))
}
