//! Faults: which there are, and which one the next request meets. A script goes before the rates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Rates;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// 500, 502 or 503; nothing happened.
    #[serde(rename = "5xx")]
    ServerError,
    /// 500, 502 or 503, although the effect happened.
    #[serde(rename = "5xx_after")]
    ServerErrorAfter,
    /// 429 below the limit.
    #[serde(rename = "429")]
    TooMany,
    /// The connection closes; nothing happened.
    #[serde(rename = "cut_before")]
    CutBefore,
    /// The effect happens, then the connection closes without an answer.
    #[serde(rename = "cut_after")]
    CutAfter,
    /// The connection closes at once, the effect happens later.
    #[serde(rename = "late_effect")]
    LateEffect,
    /// The effect happens; the body of the answer dribbles.
    #[serde(rename = "slow_body")]
    SlowBody,
    /// GHL's gateway times out: 401 `Command timed out`, although the effect happened.
    #[serde(rename = "401_timeout")]
    GatewayTimeout,
    /// The effect happens, the connection stays open, no answer ever comes.
    #[serde(rename = "no_answer")]
    NoAnswer,
    /// The effect happens; the answer has its right status and a body that isn't JSON.
    #[serde(rename = "unreadable")]
    Unreadable,
    /// The script's own answer; nothing happened.
    #[serde(rename = "answer")]
    Answer,
}

/// Which requests a rule is for. All that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The method, in capitals.
    pub method: Option<String>,
    /// A part of path and query.
    pub path_contains: Option<String>,
    /// A part of the body as compact JSON.
    pub body_contains: Option<String>,
    /// The first of the fitting requests that is meant, counted from 1.
    pub nth: Option<u32>,
}

/// One line of the script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// For which requests.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// What they meet.
    pub fault: Fault,
    /// How many of them; then the rule is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// Of `late_effect`: from the cut to the effect. Of `slow_body`: how long the body takes.
    #[serde(default)]
    pub delay_ms: Option<u32>,
    /// Of `answer` (default 500) and the 5xx: the status.
    #[serde(default)]
    pub status: Option<u16>,
    /// Of `answer`: the body.
    #[serde(default)]
    pub body: Value,
    /// Of `answer` and `429`: further headers, `retry-after` for one.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn once() -> u32 {
    1
}

impl Rule {
    /// `fault` for the next `times` requests that fit `matches`.
    pub fn new(matches: Match, fault: Fault, times: u32) -> Self {
        Self {
            matches,
            fault,
            times,
            delay_ms: None,
            status: None,
            body: Value::Null,
            headers: BTreeMap::new(),
        }
    }
}

/// The rules that aren't used up, in the order in which they were given.
#[derive(Default)]
pub(crate) struct Script {
    rules: Vec<Waiting>,
}

struct Waiting {
    rule: Rule,
    seen: u32,
}

impl Script {
    pub(crate) fn add(&mut self, rules: impl IntoIterator<Item = Rule>) {
        let waiting = |rule| Waiting { rule, seen: 0 };
        self.rules.extend(
            rules
                .into_iter()
                .map(waiting)
                .filter(|waiting| waiting.rule.times > 0),
        );
    }

    /// The rule for this request, counted down. Only the first that fires counts the request as one of its `times`;
    /// all that fit count it for their `nth`.
    pub(crate) fn take(&mut self, method: &str, target: &str, body: &dyn Fn() -> String) -> Option<Rule> {
        let mut fired = None;
        for (index, waiting) in self.rules.iter_mut().enumerate() {
            if !waiting.rule.matches.fits(method, target, body) {
                continue;
            }
            waiting.seen += 1;
            if fired.is_none() && waiting.seen >= waiting.rule.matches.nth.unwrap_or(1) {
                waiting.rule.times -= 1;
                fired = Some(index);
            }
        }
        let index = fired?;
        let rule = self.rules[index].rule.clone();
        if rule.times == 0 {
            self.rules.remove(index);
        }
        Some(rule)
    }
}

impl Match {
    fn fits(&self, method: &str, target: &str, body: &dyn Fn() -> String) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self
                .path_contains
                .as_deref()
                .is_none_or(|part| target.contains(part))
            && self
                .body_contains
                .as_deref()
                .is_none_or(|part| body().contains(part))
    }
}

/// The fault that a draw from 0 to 1 means, by the rates.
pub(crate) fn by_rate(rates: &Rates, draw: f64) -> Option<Fault> {
    let mut upper = 0.0;
    rates.shares().into_iter().find_map(|(share, fault)| {
        upper += share;
        (draw < upper).then_some(fault)
    })
}

/// Random numbers, the same for the same seed (splitmix64).
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// From 0 to `most`, both included.
    pub(crate) fn up_to(&mut self, most: u32) -> u32 {
        let drawn = self.next() % (u64::from(most) + 1);
        u32::try_from(drawn).unwrap_or(most)
    }

    /// An id of 20 letters and digits, as GHL's are.
    pub(crate) fn id(&mut self) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut id = String::with_capacity(20);
        for _ in 0..2 {
            let mut bits = self.next();
            for _ in 0..10 {
                let index = usize::try_from(bits % 62).unwrap_or_default();
                id.push(char::from(LETTERS[index]));
                bits /= 62;
            }
        }
        id
    }
}
