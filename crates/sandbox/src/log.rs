//! What happened: one entry per request, and one per effect of another user's edit.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::mpsc;

use cartlane_model::UnixMs;
use serde::Serialize;
use serde_json::Value;

use crate::faults::Fault;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A caller of the API.
    Api,
    /// Another user, by `/_sandbox/edit`.
    User,
}

/// One request or edit.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Position in the order of acceptance, from 1.
    pub seq: u64,
    /// When it was accepted or refused.
    pub at_ms: UnixMs,
    /// Who sent it.
    pub actor: Actor,
    /// HTTP method; `EDIT` for another user's edit.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Catalog id of the operation, where the path is one.
    pub operation: Option<&'static str>,
    /// Status of the answer; none where the connection was cut or left without an answer.
    pub status: Option<u16>,
    /// The injected fault.
    pub fault: Option<Fault>,
    /// What changed; none for reads and refusals, and while `pending`.
    pub effect: Option<Effect>,
    /// When it changed.
    pub effect_at_ms: Option<UnixMs>,
    /// Position in the order of effects, from 1.
    pub effect_seq: Option<u64>,
    /// A late effect is still to come; the entry is completed when it has.
    pub pending: bool,
    /// Whether a fault was injected.
    pub injected: bool,
    /// The body sent.
    pub request_body: Value,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// `contact_created`, `tags_added`, `note_deleted`, `task_completed`, `opportunity_updated`, …: what it was, and
    /// what became of it.
    pub kind: &'static str,
    /// The contact that changed, or whose thing did; empty for what is no contact's.
    pub contact_id: String,
    /// What of it: the note's id and body, the tags sent and those really added, the fields written, ….
    pub detail: Value,
}

impl Effect {
    /// A change; `contact_id` is empty where it is no contact's.
    pub(crate) fn new(kind: &'static str, contact_id: &str, detail: Value) -> Self {
        Self {
            kind,
            contact_id: contact_id.to_owned(),
            detail,
        }
    }
}

/// Counts since the start or the last reset; kept whether or not the log is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests to the API.
    pub requests: u64,
    /// 429s that were injected.
    pub r429_injected: u64,
    /// 429s because the limit was reached.
    pub r429_limit: u64,
    /// Contacts that exist.
    pub contacts: usize,
    /// Notes that exist.
    pub notes: usize,
    /// Notes created whose connection was then cut.
    pub cut_after_effect_notes: u64,
    /// Notes created after their connection was cut.
    pub late_effect_notes: u64,
    /// Late effects still to come.
    pub pending_effects: u64,
}

/// The entries in memory, and the file that they are copied to.
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    last_seq: u64,
    last_effect_seq: u64,
    file: Option<mpsc::Sender<String>>,
}

impl Log {
    /// An empty log; `file` gets every entry as a line of JSON, a late effect's entry a second time when complete.
    pub(crate) fn new(file: Option<File>) -> Self {
        Self {
            entries: VecDeque::new(),
            last_seq: 0,
            last_effect_seq: 0,
            file: file.map(write_lines),
        }
    }

    pub(crate) fn next_seq(&mut self) -> u64 {
        self.last_seq += 1;
        self.last_seq
    }

    pub(crate) fn next_effect_seq(&mut self) -> u64 {
        self.last_effect_seq += 1;
        self.last_effect_seq
    }

    /// Keeps `entry`, and at most `most` entries in all.
    pub(crate) fn push(&mut self, entry: Entry, most: usize) {
        self.copy(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > most {
            self.entries.pop_front();
        }
    }

    /// Completes the entry of a late effect, if it is still kept.
    pub(crate) fn complete(&mut self, seq: u64, effect: Option<Effect>, now: UnixMs) {
        let effect_seq = effect.is_some().then(|| self.next_effect_seq());
        let index = self.entries.partition_point(|entry| entry.seq < seq);
        let Some(entry) = self.entries.get_mut(index).filter(|entry| entry.seq == seq) else {
            return;
        };
        entry.pending = false;
        entry.effect_at_ms = effect.is_some().then_some(now);
        entry.effect_seq = effect_seq;
        entry.effect = effect;
        let entry = entry.clone();
        self.copy(&entry);
    }

    /// Up to `limit` entries after `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64, limit: usize) -> Vec<Entry> {
        let start = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.iter().skip(start).take(limit).cloned().collect()
    }

    /// Forgets the entries; the numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    fn copy(&self, entry: &Entry) {
        let Some(file) = &self.file else { return };
        match serde_json::to_string(entry) {
            // The receiver lives as long as this sender, so a line can't get lost.
            Ok(line) => drop(file.send(line)),
            Err(error) => tracing::error!(%error, "log entry not written"),
        }
    }
}

/// Writes lines on a thread of its own, flushing whenever it has caught up.
fn write_lines(file: File) -> mpsc::Sender<String> {
    let (sender, lines) = mpsc::channel::<String>();
    std::thread::spawn(move || {
        let mut file = BufWriter::new(file);
        while let Ok(first) = lines.recv() {
            let mut written = writeln!(file, "{first}");
            while let Ok(line) = lines.try_recv() {
                written = written.and_then(|()| writeln!(file, "{line}"));
            }
            if let Err(error) = written.and_then(|()| file.flush()) {
                tracing::error!(%error, "sandbox log file");
            }
        }
    });
    sender
}
