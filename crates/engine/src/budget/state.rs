//! One connection's budget in this node: slots, the day, who waits. Pure: the moment is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use cartlane_ghl::RateHeaders;
use cartlane_model::{ConnectionId, NodeId, UnixMs};
use cartlane_store::budgets::{Ask, Grant, Limits};
use tokio::time::Instant;

use super::class::{Class, Turns};
use super::{DOCUMENTED, LEASE_MS};

/// When polls have had their half of the day, they look again after this time.
const POLLS_LOOK_AGAIN_MS: i64 = 60_000;

#[derive(Default)]
pub(super) struct State {
    /// The limits, once an answer has told them.
    pub limits: Option<Limits>,
    slots: i64,
    in_use: i64,
    resting: VecDeque<Instant>,
    pub turns: Turns,
    /// What may be spent of the day before asking again; `None` where the day is not limited or not known.
    daily: Option<i64>,
    reset_at: Option<UnixMs>,
    spent: i64,
    told_left: Option<i64>,
    told_reset_at: Option<UnixMs>,
    /// Polls that may be made before asking again.
    polls: i64,
    polls_spent: i64,
    /// Until then the store said that polls have had their share.
    no_polls_until: Option<Instant>,
    lease_until: Option<Instant>,
    pub paused_until: Option<Instant>,
    pub learned: Option<Limits>,
}

/// Why a request cannot go now.
#[derive(Debug)]
pub(super) enum Wait {
    /// A slot is free again then.
    Until(Instant),
    /// The node has no slot that could become free: it must be granted one.
    Grant,
    /// It is another class's turn.
    Turn,
    /// The day is used up for so many milliseconds.
    Day(i64),
}

impl State {
    /// Takes a slot for one of `class`, which waits; how long the slot rests after the answer.
    pub(super) fn try_take(&mut self, class: Class, now: Instant, clock: UnixMs) -> Result<Duration, Wait> {
        self.busy_at(now);
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Wait::Until(until));
        }
        if self.lease_until.is_none_or(|until| until <= now) {
            return Err(Wait::Grant);
        }
        if self.daily == Some(0) {
            return Err(match self.reset_at {
                Some(reset_at) if reset_at > clock => Wait::Day(reset_at.since_ms(clock)),
                _ => Wait::Grant,
            });
        }
        if class == Class::Poll && self.polls == 0 {
            return Err(match self.no_polls_until {
                Some(until) if until > now => Wait::Day(POLLS_LOOK_AGAIN_MS),
                _ => Wait::Grant,
            });
        }
        if self.busy() >= self.slots {
            return Err(match self.resting.front() {
                Some(free_at) if self.in_use < self.slots => Wait::Until(*free_at),
                _ => Wait::Grant,
            });
        }
        if self.turns.next(|class| class != Class::Poll || self.polls > 0) != Some(class) {
            return Err(Wait::Turn);
        }
        self.turns.took(class);
        self.in_use += 1;
        self.spent += 1;
        if class == Class::Poll {
            self.polls -= 1;
            self.polls_spent += 1;
        }
        if let Some(daily) = &mut self.daily {
            *daily -= 1;
        }
        let limits = self.limits.unwrap_or(DOCUMENTED);
        Ok(Duration::from_millis(
            u64::try_from(limits.interval_ms).unwrap_or(10_000),
        ))
    }

    /// Slots that are in use or not yet free again.
    pub(super) fn busy(&self) -> i64 {
        self.in_use + i64::try_from(self.resting.len()).unwrap_or(i64::MAX)
    }

    /// The same at this moment, from which on what has rested is free.
    pub(super) fn busy_at(&mut self, now: Instant) -> i64 {
        while self.resting.front().is_some_and(|free_at| *free_at <= now) {
            self.resting.pop_front();
        }
        self.busy()
    }

    /// A request was answered, or is lost: its slot is free again at `free_at`.
    pub(super) fn end(&mut self, free_at: Instant) {
        self.in_use -= 1;
        self.resting.push_back(free_at);
    }

    /// What to ask the store for, and the limits that it does not know yet.
    pub(super) fn ask(
        &mut self,
        connection: ConnectionId,
        node: NodeId,
        request_timeout_ms: i64,
    ) -> (Ask, Option<Limits>) {
        let interval_ms = self.limits.unwrap_or(DOCUMENTED).interval_ms;
        let ask = Ask {
            connection,
            node,
            busy: self.busy(),
            held: self.slots,
            wants_more: self.turns.any_waits(),
            spent: std::mem::take(&mut self.spent),
            polls_spent: std::mem::take(&mut self.polls_spent),
            polls_held: self.polls,
            wants_polls: self.turns.waits(Class::Poll),
            daily_left: self.told_left.take(),
            daily_reset_at: self.told_reset_at.take(),
            lasts_ms: LEASE_MS + interval_ms + request_timeout_ms.min(5_000),
        };
        (ask, self.learned.take())
    }

    /// The store did not take what it was told: it is told again.
    pub(super) fn not_told(&mut self, ask: &Ask) {
        self.spent += ask.spent;
        self.polls_spent += ask.polls_spent;
    }

    /// Takes what the store granted.
    pub(super) fn apply(&mut self, ask: &Ask, grant: &Grant, asked_at: Instant) {
        self.limits = grant.limits;
        self.slots = grant.slots;
        // what was spent while the store was asked is not in its count yet
        self.daily = grant.daily.map(|daily| (daily - self.spent).max(0));
        self.polls = (grant.polls - self.polls_spent).max(0);
        if ask.wants_polls {
            let look_again = asked_at + Duration::from_millis(POLLS_LOOK_AGAIN_MS.unsigned_abs());
            self.no_polls_until = (grant.polls == 0).then_some(look_again);
        }
        self.reset_at = grant.daily_reset_at;
        self.lease_until = Some(asked_at + Duration::from_millis(LEASE_MS.unsigned_abs()));
    }

    /// What an answer's headers told.
    pub(super) fn hear(&mut self, rate: &RateHeaders, now: UnixMs) {
        let known = self.limits;
        let limits = match (rate.max, rate.interval_ms) {
            (Some(max), Some(interval_ms)) if max > 0 && interval_ms > 0 => Some(Limits {
                max,
                interval_ms,
                daily: rate.daily_limit,
            }),
            _ => None,
        };
        match (limits, known) {
            (Some(limits), known) if known != Some(limits) => self.learned = Some(limits),
            (None, None) => self.learned = Some(DOCUMENTED),
            _ => {}
        }
        if let Some(left) = rate.daily_remaining {
            let in_flight = (self.in_use - 1).max(0);
            let told = (left - in_flight).max(0);
            self.told_left = Some(self.told_left.map_or(told, |before| before.min(told)));
            if left == 0 {
                let reset_ms = rate
                    .daily_reset_ms
                    .unwrap_or_else(|| 86_400_000 - now.0.rem_euclid(86_400_000));
                self.told_reset_at = Some(now.plus_ms(reset_ms));
            }
        }
    }
}
