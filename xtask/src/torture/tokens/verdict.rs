//! The verdict on tokens: a pure function of the sandbox's log and of when servers were killed. It knows nothing of Cartlane.
//!
//! A pair is *lost* where its refresh took effect but nobody can have kept the answer: it was cut by a fault, or the
//! server that got it was killed and the refresh token was found used up later. All other pairs were *in force*. `tests`
//! shows what each violation looks like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sandbox::Entry;

const ENDPOINT: &str = "ghl.oauth.get_access_token";

/// Everything that a verdict is made of.
pub struct Evidence<'a> {
    /// The sandbox's log.
    pub log: &'a BTreeMap<u64, Entry>,
    /// How long an access token lasts.
    pub life_ms: i64,
    /// How long after an unclear answer a refresh may still take effect.
    pub settle_ms: i64,
    /// Refreshes, by their number in the log, whose server was killed at the answer.
    pub killed: &'a BTreeSet<u64>,
}

/// What was found, each list one sentence per violation.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// Expiries that were not followed by exactly one successful refresh, and refreshes without an expiry.
    pub uneven: Vec<String>,
    /// Refreshes before their time.
    pub early: Vec<String>,
    /// Refresh tokens sent again although the answer had come, or while it could still take effect.
    pub resent: Vec<String>,
    /// Refresh tokens refused though their pair was not lost, or not exactly once for a lost one.
    pub refused: Vec<String>,
    /// Calls with a token that was not valid any more.
    pub invalid: Vec<String>,
    /// Times that the token in force expired while there was work.
    pub expiries: usize,
    /// Refreshes that had an effect.
    pub refreshes: usize,
    /// Refreshes that had none.
    pub without_effect: usize,
    /// Pairs lost by a cut answer.
    pub lost_by_cut: usize,
    /// Pairs lost by a kill.
    pub lost_by_kill: usize,
}

impl Verdict {
    /// The rules, each with its violations.
    pub fn rules(&self) -> [(&'static str, &[String]); 5] {
        [
            ("expiries without exactly one refresh", &self.uneven),
            ("refreshes before their time", &self.early),
            ("refresh tokens sent again too soon", &self.resent),
            ("refresh tokens refused without need", &self.refused),
            ("calls with an invalid token", &self.invalid),
        ]
    }
}

/// Judges.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let pairs = pairs(evidence);
    let sends = sends(evidence);
    let refreshed = pairs.iter().filter(|pair| pair.used_id.is_some());
    let lost_by_cut = pairs.iter().filter(|pair| is_cut(pair.entry)).count();
    let lost = pairs.iter().filter(|pair| pair.is_lost).count();
    let (uneven, expiries) = uneven(evidence, &pairs);
    Verdict {
        uneven,
        early: early(evidence, &pairs),
        resent: resent(evidence, &sends),
        refused: refused(&pairs, &sends),
        invalid: invalid(evidence),
        expiries,
        refreshes: refreshed.count(),
        without_effect: sends
            .values()
            .flatten()
            .filter(|entry| is_turned_away(entry))
            .count(),
        lost_by_cut,
        lost_by_kill: lost - lost_by_cut,
    }
}

/// When the pair that was handed out last is to be renewed; `None` before the first.
pub fn next_due(log: &BTreeMap<u64, Entry>, life_ms: i64) -> Option<i64> {
    let at = log
        .values()
        .filter(|entry| handed_out(entry))
        .map(taken_effect_at);
    at.max().map(|at| at + due_after(life_ms))
}

/// The last refresh that had an effect: its number in the log.
pub fn last_refresh(log: &BTreeMap<u64, Entry>) -> Option<u64> {
    let is_refresh = |entry: &&Entry| is_effect(entry, "token_refreshed");
    log.values().rev().find(is_refresh).map(|entry| entry.seq)
}

/// A pair that GHL handed out.
struct Pair<'a> {
    id: &'a str,
    /// The refresh token that it was given for; none where a person agreed.
    used_id: Option<&'a str>,
    at_ms: i64,
    entry: &'a Entry,
    is_lost: bool,
}

/// All pairs, in the order in which they were made.
fn pairs<'a>(evidence: &Evidence<'a>) -> Vec<Pair<'a>> {
    let sends = sends(evidence);
    let pair = |entry: &'a Entry| {
        let detail = &entry.effect.as_ref()?.detail;
        let was_refused = || {
            let later = sends.get(refresh_token(entry)?)?;
            later
                .iter()
                .find(|later| later.seq > entry.seq && is_refused(later))
        };
        let is_killed = evidence.killed.contains(&entry.seq);
        Some(Pair {
            id: detail.get("refreshTokenId")?.as_str()?,
            used_id: detail.get("used_refreshTokenId").and_then(Value::as_str),
            at_ms: taken_effect_at(entry),
            entry,
            is_lost: is_cut(entry) || (is_killed && was_refused().is_some()),
        })
    };
    let handed_out = evidence.log.values().filter(|entry| handed_out(entry));
    let mut pairs: Vec<_> = handed_out.filter_map(pair).collect();
    pairs.sort_by_key(|pair| pair.entry.effect_seq);
    pairs
}

/// Every refresh that was asked for, by refresh token.
fn sends<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, Vec<&'a Entry>> {
    let mut sends: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in evidence.log.values() {
        if let Some(token) = refresh_token(entry) {
            sends.entry(token).or_default().push(entry);
        }
    }
    sends
}

/// Cartlane renews a token in the last tenth of its life.
fn due_after(life_ms: i64) -> i64 {
    life_ms - life_ms / 10
}

fn uneven(evidence: &Evidence<'_>, pairs: &[Pair<'_>]) -> (Vec<String>, usize) {
    let admitted = evidence.log.values().filter(|entry| is_admitted(entry));
    let last_call = admitted.map(|entry| entry.at_ms).max().unwrap_or_default();
    let (mut found, mut expiries) = (Vec::new(), 0);
    for pair in pairs.iter().filter(|pair| !pair.is_lost) {
        let refreshes = pairs
            .iter()
            .filter(|other| other.used_id == Some(pair.id))
            .count();
        let is_past = |after_ms: i64| last_call >= pair.at_ms + after_ms;
        // Once a token is due, the calls that began before that may still come; after its end none can.
        let has_expired =
            is_past(evidence.life_ms) || (refreshes > 0 && is_past(due_after(evidence.life_ms)));
        expiries += usize::from(has_expired);
        if refreshes != usize::from(has_expired) {
            found.push(format!(
                "the pair of request {}: {refreshes} successful refreshes, {}",
                pair.entry.seq,
                if has_expired {
                    "and it expired"
                } else {
                    "and it did not expire"
                }
            ));
        }
    }
    (found, expiries)
}

fn early(evidence: &Evidence<'_>, pairs: &[Pair<'_>]) -> Vec<String> {
    let early = pairs.iter().filter_map(|pair| {
        let before = pairs.iter().find(|other| Some(other.id) == pair.used_id)?;
        let after_ms = pair.entry.at_ms - before.at_ms;
        (after_ms < due_after(evidence.life_ms)).then(|| {
            format!(
                "request {}: after {after_ms} of {} ms",
                pair.entry.seq, evidence.life_ms
            )
        })
    });
    early.collect()
}

fn resent(evidence: &Evidence<'_>, sends: &BTreeMap<&str, Vec<&Entry>>) -> Vec<String> {
    let mut found = Vec::new();
    for pair in sends.values().flat_map(|sends| sends.windows(2)) {
        let (first, again) = (pair[0], pair[1]);
        let after_ms = again.at_ms - first.at_ms;
        let may = match first.fault.as_deref() {
            // It was not looked at.
            Some("429") => true,
            Some(_) => after_ms >= evidence.settle_ms,
            None => evidence.killed.contains(&first.seq) && after_ms >= evidence.settle_ms,
        };
        if !may {
            let fault = first.fault.as_deref().unwrap_or("answered");
            found.push(format!(
                "request {} ({fault}), and again {after_ms} ms later as request {}",
                first.seq, again.seq
            ));
        }
    }
    found
}

fn refused(pairs: &[Pair<'_>], sends: &BTreeMap<&str, Vec<&Entry>>) -> Vec<String> {
    let lost = pairs.iter().filter(|pair| pair.is_lost);
    let lost: BTreeMap<_, _> = lost
        .filter_map(|pair| Some((refresh_token(pair.entry)?, pair.entry.seq)))
        .collect();
    let mut found = Vec::new();
    for (token, sends) in sends {
        let refused: Vec<_> = sends
            .iter()
            .filter(|entry| is_refused(entry))
            .map(|entry| entry.seq)
            .collect();
        match lost.get(token) {
            None if refused.is_empty() => {}
            None => found.push(format!("requests {refused:?}, and its pair was not lost")),
            Some(_) if refused.len() == 1 => {}
            Some(seq) => found.push(format!(
                "the pair of request {seq} was lost, and {refused:?} were refused"
            )),
        }
    }
    found
}

fn invalid(evidence: &Evidence<'_>) -> Vec<String> {
    // A call without a valid token is nobody's operation.
    let is_call = |entry: &Entry| entry.actor == "api" && entry.operation.as_deref() != Some(ENDPOINT);
    let refused = |entry: &&Entry| is_call(entry) && entry.status == Some(401) && !entry.injected;
    let refused = evidence.log.values().filter(refused);
    refused
        .map(|entry| format!("request {} at {} ms", entry.seq, entry.at_ms))
        .collect()
}

fn handed_out(entry: &Entry) -> bool {
    is_effect(entry, "token_issued") || is_effect(entry, "token_refreshed")
}

fn is_effect(entry: &Entry, kind: &str) -> bool {
    entry.effect.as_ref().is_some_and(|effect| effect.kind == kind)
}

fn taken_effect_at(entry: &Entry) -> i64 {
    entry.effect_at_ms.unwrap_or(entry.at_ms)
}

/// Whether it is a call that was let in by an access token.
fn is_admitted(entry: &Entry) -> bool {
    let operation = entry.operation.as_deref();
    let is_call = operation.is_some_and(|operation| operation.starts_with("ghl.") && operation != ENDPOINT);
    entry.actor == "api" && is_call && entry.status != Some(401)
}

/// The refresh token that an entry sends, if it does.
fn refresh_token(entry: &Entry) -> Option<&str> {
    (entry.operation.as_deref() == Some(ENDPOINT)).then_some(())?;
    entry.request_body.get("refresh_token")?.as_str()
}

/// Whether a refresh took effect, and a fault kept the answer from who asked.
fn is_cut(entry: &Entry) -> bool {
    let dribbles = entry.fault.as_deref() == Some("slow_body");
    is_effect(entry, "token_refreshed") && entry.injected && !dribbles
}

/// Whether GHL itself says that a refresh token is good for nothing.
fn is_refused(entry: &Entry) -> bool {
    !entry.injected && entry.status.is_some_and(|status| (400..500).contains(&status))
}

/// Whether a fault kept a refresh from having an effect.
fn is_turned_away(entry: &Entry) -> bool {
    entry.injected && entry.effect.is_none()
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
