//! The verdict: a pure function of what the sender and the sandbox wrote down. It knows nothing of Cartlane.
//!
//! An *effect* of a delivery is a note that names its order. `tests` shows what each violation looks like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::workload::{Delivery, Workload};
use crate::sandbox::Entry;

/// How deliveries go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// A contact's next one after the previous was acknowledged.
    Order,
    /// All of a contact's at once, in random order.
    Shuffle,
}

/// Everything that a verdict is made of.
pub struct Evidence<'a> {
    /// How deliveries went out.
    pub scenario: Scenario,
    /// What was to be delivered.
    pub workload: &'a Workload,
    /// Order ids of the deliveries that were answered with 2xx.
    pub acknowledged: &'a BTreeSet<u32>,
    /// The sandbox's log.
    pub log: &'a BTreeMap<u64, Entry>,
    /// Tags that another user gave: index of the contact, tag.
    pub user_tags: &'a [(usize, String)],
    /// Tags at the end, by index of the contact; none where it doesn't exist in GHL.
    pub final_tags: &'a BTreeMap<usize, Vec<String>>,
}

/// What was found, each list one sentence per violation.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// Acknowledged, but nothing in GHL tells of it.
    pub lost: Vec<String>,
    /// Effects that happened more than once.
    pub twice: Vec<String>,
    /// Effects of one contact that overtook an earlier delivery.
    pub inversions: Vec<String>,
    /// Another user's tags that are gone.
    pub tags_lost: Vec<String>,
    /// 429s that the sandbox answered because the limit was reached.
    pub overdrawn: Vec<String>,
    /// Contacts whose lifecycle isn't what their latest event says, and only that.
    pub lifecycle: Vec<String>,
    /// Notes whose connection was cut after they were made: how often the run has tried the hardest case.
    pub notes_cut: usize,
}

impl Verdict {
    /// The rules, each with its violations.
    pub fn rules(&self) -> [(&'static str, &[String]); 6] {
        [
            ("acknowledged without effect", &self.lost),
            ("effects twice", &self.twice),
            ("order inversions", &self.inversions),
            ("other user's tags lost", &self.tags_lost),
            ("429s beyond the injected", &self.overdrawn),
            ("wrong final lifecycle", &self.lifecycle),
        ]
    }

    /// Leaves only what can't be mended by waiting: for a run that was stopped before it came to rest.
    pub fn forget_unfinished(&mut self) {
        self.lost.clear();
        self.lifecycle.clear();
    }

    /// Whether any rule is broken.
    pub fn is_red(&self) -> bool {
        self.rules().iter().any(|(_, violations)| !violations.is_empty())
    }
}

/// Judges.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let notes = notes(evidence);
    Verdict {
        lost: lost(evidence, &notes),
        twice: twice(evidence, &notes),
        inversions: match evidence.scenario {
            Scenario::Order => inversions(&notes),
            Scenario::Shuffle => Vec::new(),
        },
        tags_lost: tags_lost(evidence),
        overdrawn: overdrawn(evidence),
        lifecycle: lifecycle(evidence),
        notes_cut: evidence
            .log
            .values()
            .filter(|entry| is_effect(entry, "note_created") && is_cut(entry))
            .count(),
    }
}

/// Whether every acknowledged delivery has its effect.
pub fn is_complete(evidence: &Evidence<'_>) -> bool {
    lost(evidence, &notes(evidence)).is_empty()
}

/// The orders whose effect is there.
pub fn told(evidence: &Evidence<'_>) -> BTreeSet<u32> {
    notes(evidence).iter().map(|note| note.delivery.order).collect()
}

/// A note and what it tells of.
struct Note<'a> {
    delivery: &'a Delivery,
    contact_id: &'a str,
    /// Position in the order of effects.
    effect_seq: u64,
}

/// The notes about our deliveries, in the order in which they came to be.
fn notes<'a>(evidence: &Evidence<'a>) -> Vec<Note<'a>> {
    let mut notes = Vec::new();
    for entry in evidence
        .log
        .values()
        .filter(|entry| is_effect(entry, "note_created"))
    {
        let Some(effect) = &entry.effect else { continue };
        let body = entry
            .request_body
            .get("body")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let effect_seq = entry.effect_seq.unwrap_or(entry.seq);
        let note = |delivery| Note {
            delivery,
            contact_id: &effect.contact_id,
            effect_seq,
        };
        notes.extend(
            orders(body)
                .into_iter()
                .filter_map(|order| evidence.workload.delivery(order))
                .map(note),
        );
    }
    notes.sort_by_key(|note| note.effect_seq);
    notes
}

/// Every whole number in a text that could be an order id, each once.
fn orders(text: &str) -> BTreeSet<u32> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

fn lost(evidence: &Evidence<'_>, notes: &[Note<'_>]) -> Vec<String> {
    let told: BTreeSet<_> = notes.iter().map(|note| note.delivery.order).collect();
    let missing = evidence
        .acknowledged
        .difference(&told)
        .filter_map(|order| evidence.workload.delivery(*order));
    let sentence = |it: &Delivery| {
        format!(
            "order {} ({:?}, number {} of contact {})",
            it.order, it.kind, it.sequence, it.contact
        )
    };
    missing.map(sentence).collect()
}

fn twice(evidence: &Evidence<'_>, notes: &[Note<'_>]) -> Vec<String> {
    let mut by_order: BTreeMap<u32, Vec<&Note<'_>>> = BTreeMap::new();
    for note in notes {
        by_order.entry(note.delivery.order).or_default().push(note);
    }
    let doubled = by_order.into_iter().filter(|(_, notes)| notes.len() > 1);
    let sentence = |(order, notes): (u32, Vec<&Note<'_>>)| {
        let places: Vec<_> = notes
            .iter()
            .map(|note| format!("{} as effect {}", note.contact_id, note.effect_seq))
            .collect();
        format!("order {order}: {} notes: {}", notes.len(), places.join(", "))
    };
    let mut created: BTreeMap<String, usize> = BTreeMap::new();
    for entry in evidence
        .log
        .values()
        .filter(|entry| is_effect(entry, "contact_created"))
    {
        let email = entry
            .request_body
            .get("email")
            .and_then(Value::as_str)
            .unwrap_or_default();
        *created.entry(email.to_lowercase()).or_default() += 1;
    }
    let contacts = created.into_iter().filter(|(_, times)| *times > 1);
    let contacts = contacts.map(|(email, times)| format!("contact {email} created {times} times"));
    doubled.map(sentence).chain(contacts).collect()
}

/// Looks only at first effects: a doubled one is counted by [`twice`] and would be out of order by nature.
fn inversions(notes: &[Note<'_>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut latest: BTreeMap<usize, &Delivery> = BTreeMap::new();
    let mut found = Vec::new();
    for delivery in notes
        .iter()
        .map(|note| note.delivery)
        .filter(|delivery| seen.insert(delivery.order))
    {
        let before = latest.entry(delivery.contact).or_insert(delivery);
        if before.sequence > delivery.sequence {
            let (late, early) = (delivery.sequence, before.sequence);
            found.push(format!(
                "contact {}: number {late} came after number {early}",
                delivery.contact
            ));
        } else {
            *before = delivery;
        }
    }
    found
}

fn tags_lost(evidence: &Evidence<'_>) -> Vec<String> {
    let has = |contact: usize, tag: &str| {
        let tags = evidence.final_tags.get(&contact);
        tags.is_some_and(|tags| tags.iter().any(|there| there.eq_ignore_ascii_case(tag)))
    };
    let gone = evidence
        .user_tags
        .iter()
        .filter(|(contact, tag)| !has(*contact, tag));
    gone.map(|(contact, tag)| format!("contact {contact}: {tag:?}"))
        .collect()
}

fn overdrawn(evidence: &Evidence<'_>) -> Vec<String> {
    let refused = evidence
        .log
        .values()
        .filter(|entry| entry.status == Some(429) && !entry.injected);
    refused
        .map(|entry| format!("request {} at {} ms", entry.seq, entry.at_ms))
        .collect()
}

/// The latest event of a contact is the last of its story, however the deliveries were shuffled.
fn lifecycle(evidence: &Evidence<'_>) -> Vec<String> {
    let mut latest: BTreeMap<usize, &Delivery> = BTreeMap::new();
    for delivery in evidence
        .acknowledged
        .iter()
        .filter_map(|order| evidence.workload.delivery(*order))
    {
        let last = latest.entry(delivery.contact).or_insert(delivery);
        if delivery.sequence > last.sequence {
            *last = delivery;
        }
    }
    let judged = latest.into_iter().filter_map(|(contact, delivery)| {
        let tags = evidence.final_tags.get(&contact)?;
        let is: Vec<_> = tags
            .iter()
            .filter(|tag| tag.to_lowercase().starts_with("lifecycle:"))
            .collect();
        let wanted = delivery.kind.lifecycle();
        let right = is.len() == 1 && is[0].eq_ignore_ascii_case(wanted);
        (!right).then(|| format!("contact {contact}: {is:?} instead of {wanted:?}"))
    });
    judged.collect()
}

fn is_effect(entry: &Entry, kind: &str) -> bool {
    entry.actor == "api" && entry.effect.as_ref().is_some_and(|effect| effect.kind == kind)
}

fn is_cut(entry: &Entry) -> bool {
    matches!(entry.fault.as_deref(), Some("cut_after" | "late_effect"))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
