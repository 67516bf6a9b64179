//! What is done to the refresh of each round.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::Args;

/// What happens to a refresh.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing.
    Calm,
    /// It is turned away so many times, without an effect.
    Before {
        /// The sandbox's name of the fault.
        fault: &'static str,
        /// How many times.
        times: u32,
    },
    /// The server that asked is killed so many milliseconds after it was handed the answer.
    Kill {
        /// How many; none where the end of the answer is still on its way.
        after_ms: Option<u64>,
    },
    /// It takes effect, and its answer is lost.
    After {
        /// The sandbox's name of the fault.
        fault: &'static str,
    },
}

impl Plan {
    /// The fault for the sandbox's script, where there is one.
    pub fn script(&self, settle_ms: i64) -> Option<Value> {
        let (fault, times) = match self {
            Self::Calm | Self::Kill { .. } => return None,
            Self::Before { fault, times } => (fault, *times),
            Self::After { fault } => (fault, 1),
        };
        let refreshes = json!({
            "method": "POST", "path_contains": "/oauth/token", "body_contains": "\"grant_type\":\"refresh_token\""
        });
        // Late, but while it still can be: before the refresh is tried again.
        Some(json!([{"match": refreshes, "fault": fault, "times": times, "delay_ms": settle_ms / 2}]))
    }

    /// In words.
    pub fn name(&self) -> String {
        match self {
            Self::Calm => "calm".to_owned(),
            Self::Before { fault, times } => format!("before the effect: {fault}, {times} times"),
            Self::Kill { after_ms: None } => "kill at the answer".to_owned(),
            Self::Kill {
                after_ms: Some(after_ms),
            } => format!("kill {after_ms} ms after the answer"),
            Self::After { fault } => format!("after the effect: {fault}"),
        }
    }

    /// Whether the connection may come to need a person.
    pub fn may_need_a_person(&self) -> bool {
        matches!(self, Self::Kill { .. } | Self::After { .. })
    }
}

/// The rounds of a run, kind by kind; their faults take turns, so that the first of a kind has its plainest.
pub fn plans(args: &Args, random: &mut StdRng) -> Vec<Plan> {
    const BEFORE: [&str; 3] = ["cut_before", "5xx", "429"];
    const AFTER: [&str; 6] = [
        "cut_after",
        "5xx_after",
        "unreadable",
        "401_timeout",
        "late_effect",
        "no_answer",
    ];
    let mut plans = vec![Plan::Calm; args.calm];
    plans.extend((0..args.before).map(|round| Plan::Before {
        fault: BEFORE[round % BEFORE.len()],
        times: random.random_range(1..=3),
    }));
    // Storing the pair takes a few milliseconds: the first kill certainly loses it, the second one may.
    plans.extend((0..args.kills).map(|round| Plan::Kill {
        after_ms: (round % 2 == 1).then(|| random.random_range(0..8)),
    }));
    plans.extend((0..args.after).map(|round| Plan::After {
        fault: AFTER[round % AFTER.len()],
    }));
    plans
}
