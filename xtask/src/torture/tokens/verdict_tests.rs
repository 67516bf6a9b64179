//! What each violation looks like, and that nothing else looks like it.

use serde_json::json;

use super::*;
use crate::sandbox::Effect;

const LIFE_MS: i64 = 10_000;
const SETTLE_MS: i64 = 2_000;

/// A log that is written line by line; pairs are called by numbers.
#[derive(Default)]
struct World {
    log: BTreeMap<u64, Entry>,
    killed: BTreeSet<u64>,
}

impl World {
    /// A person has agreed: pair 1, and a call with it.
    fn new() -> Self {
        let mut world = Self::default();
        let effect = World::pair("token_issued", 1, None);
        let entry = world.entry(0, json!({"grant_type": "authorization_code"}), Some(200));
        entry.effect = Some(effect);
        world.call(1_000);
        world
    }

    /// Two expiries as they should be.
    fn well() -> Self {
        let mut world = Self::new();
        for pair in 1..3 {
            world.refresh(pair * 9_000, pair);
            world.call(pair * 9_000 + 100);
        }
        world
    }

    fn entry(&mut self, at_ms: i64, request_body: Value, status: Option<u16>) -> &mut Entry {
        let seq = self.log.len() as u64 + 1;
        let entry = Entry {
            seq,
            at_ms,
            actor: "api".to_owned(),
            status,
            operation: Some(ENDPOINT.to_owned()),
            effect_seq: Some(seq),
            request_body,
            ..Entry::default()
        };
        self.log.entry(seq).or_insert(entry)
    }

    fn pair(kind: &str, pair: i64, used: Option<i64>) -> Effect {
        let used = used.map(|used| format!("pair-{used}"));
        Effect {
            kind: kind.to_owned(),
            contact_id: String::new(),
            detail: json!({"refreshTokenId": format!("pair-{pair}"), "used_refreshTokenId": used}),
        }
    }

    /// The refresh token of `pair` is sent, and answered the next one.
    fn refresh(&mut self, at_ms: i64, pair: i64) -> &mut Entry {
        let effect = Self::pair("token_refreshed", pair + 1, Some(pair));
        let entry = self.send(at_ms, pair, Some(200));
        entry.effect = Some(effect);
        entry
    }

    fn send(&mut self, at_ms: i64, pair: i64, status: Option<u16>) -> &mut Entry {
        let body = json!({"grant_type": "refresh_token", "refresh_token": format!("token-{pair}")});
        self.entry(at_ms, body, status)
    }

    /// A refresh that meets a fault.
    fn faulty<'a>(entry: &'a mut Entry, fault: &str, status: Option<u16>) -> &'a mut Entry {
        entry.fault = Some(fault.to_owned());
        entry.injected = true;
        entry.status = status;
        entry
    }

    fn call(&mut self, at_ms: i64) -> &mut Entry {
        let entry = self.entry(at_ms, Value::Null, Some(200));
        entry.operation = Some("ghl.contacts.get".to_owned());
        entry
    }

    /// A person agrees anew: that pair.
    fn authorize(&mut self, at_ms: i64, pair: i64) {
        let effect = Self::pair("token_issued", pair, None);
        let body = json!({"grant_type": "authorization_code"});
        self.entry(at_ms, body, Some(200)).effect = Some(effect);
    }

    fn verdict(&self) -> Verdict {
        judge(&Evidence {
            log: &self.log,
            life_ms: LIFE_MS,
            settle_ms: SETTLE_MS,
            killed: &self.killed,
        })
    }

    /// How many violations each rule has, in the order of [`Verdict::rules`].
    fn violations(&self) -> [usize; 5] {
        self.verdict().rules().map(|(_, violations)| violations.len())
    }
}

#[test]
fn one_refresh_for_each_expiry_is_green() {
    let verdict = World::well().verdict();
    assert_eq!((verdict.expiries, verdict.refreshes), (2, 2));
    assert_eq!(World::well().violations(), [0; 5]);
}

#[test]
fn a_refresh_that_is_turned_away_and_made_again_in_its_time_is_green() {
    let mut world = World::well();
    World::faulty(world.send(27_000, 3, None), "429", Some(429));
    World::faulty(world.send(27_010, 3, None), "cut_before", None);
    world.refresh(29_100, 3);
    world.call(29_200);
    assert_eq!(world.violations(), [0; 5]);
    assert_eq!(world.verdict().without_effect, 2);
}

#[test]
fn a_pair_that_is_lost_is_found_out_once_and_replaced_by_a_person() {
    for is_kill in [false, true] {
        let mut world = World::well();
        let lost = world.refresh(27_000, 3);
        if is_kill {
            let seq = lost.seq;
            world.killed.insert(seq);
        } else {
            World::faulty(lost, "cut_after", None);
        }
        world.send(30_000, 3, Some(400));
        world.authorize(40_000, 10);
        world.call(40_100);
        let verdict = world.verdict();
        assert_eq!(world.violations(), [0; 5], "{verdict:?}");
        assert_eq!(
            (verdict.lost_by_cut, verdict.lost_by_kill),
            (usize::from(!is_kill), usize::from(is_kill))
        );
        assert_eq!((verdict.expiries, verdict.refreshes), (3, 3));
    }
}

#[test]
fn a_kill_after_the_commit_loses_nothing() {
    let mut world = World::well();
    let seq = world.refresh(27_000, 3).seq;
    world.killed.insert(seq);
    world.call(27_100);
    assert_eq!(world.violations(), [0; 5]);
    assert_eq!(world.verdict().lost_by_kill, 0);
}

#[test]
fn a_refresh_before_its_time_is_early_and_without_an_expiry() {
    let mut world = World::new();
    world.refresh(8_999, 1);
    assert_eq!(world.violations(), [1, 1, 0, 0, 0]);
}

#[test]
fn a_call_after_an_expiry_without_a_refresh_is_seen() {
    let mut world = World::well();
    world.call(28_000);
    assert_eq!(world.violations(), [1, 0, 0, 0, 0]);
}

#[test]
fn two_pairs_for_one_refresh_token_are_seen() {
    let mut world = World::well();
    let twice = World::pair("token_refreshed", 9, Some(2));
    world.send(18_010, 2, Some(200)).effect = Some(twice);
    // Sent again, and the same expiry refreshed twice.
    assert_eq!(world.violations(), [1, 0, 1, 0, 0]);
}

#[test]
fn a_second_sender_is_seen_by_its_refusal() {
    let mut world = World::well();
    world.send(18_010, 2, Some(400));
    assert_eq!(world.violations(), [0, 0, 1, 1, 0]);
}

#[test]
fn an_unclear_refresh_that_is_made_again_too_soon_is_seen() {
    let mut world = World::well();
    World::faulty(world.send(27_000, 3, None), "5xx", Some(502));
    world.refresh(27_000 + SETTLE_MS - 1, 3);
    world.call(29_100);
    assert_eq!(world.violations(), [0, 0, 1, 0, 0]);
}

#[test]
fn a_lost_pair_that_nobody_finds_out_or_that_is_asked_for_twice_is_seen() {
    let mut world = World::well();
    World::faulty(world.refresh(27_000, 3), "cut_after", None);
    world.call(27_100);
    assert_eq!(world.violations(), [0, 0, 0, 1, 0]);
    world.send(30_000, 3, Some(400));
    assert_eq!(world.violations(), [0; 5]);
    world.send(33_000, 3, Some(400));
    assert_eq!(world.violations(), [0, 0, 1, 1, 0], "it was refused already");
}

#[test]
fn a_call_with_an_invalid_token_is_seen() {
    let mut world = World::well();
    let entry = world.call(19_000);
    entry.status = Some(401);
    entry.operation = None;
    assert_eq!(world.violations(), [0, 0, 0, 0, 1]);
    let entry = World::faulty(world.call(19_000), "401_timeout", Some(401));
    assert_eq!(entry.status, Some(401));
    assert_eq!(world.violations(), [0, 0, 0, 0, 1], "an injected one is planned");
}

#[test]
fn a_token_is_due_in_its_last_tenth() {
    let world = World::well();
    assert_eq!(next_due(&world.log, LIFE_MS), Some(27_000));
    assert_eq!(last_refresh(&world.log), Some(5));
    assert_eq!(next_due(&BTreeMap::new(), LIFE_MS), None);
}
