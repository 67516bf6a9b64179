//! The scheduler on a clock that the test moves.

use std::time::Duration;

use cartlane_model::{ConnectionId, NodeId, UnixMs};
use cartlane_store::budgets::{Grant, Limits};
use proptest::prelude::*;
use tokio::time::Instant;

use super::class::{Class, PASSED_AT_MOST};
use super::state::State;

const LIMITS: Limits = Limits {
    max: 5,
    interval_ms: 1_000,
    daily: Some(400),
};

/// What happens in the world outside.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// One more of a class wants to go.
    Comes(Class),
    /// The oldest request under way is answered.
    Answered,
    /// Time goes by.
    Ms(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => proptest::sample::select(Class::ALL.to_vec()).prop_map(Happens::Comes),
        4 => Just(Happens::Answered),
        3 => (1_u64..400).prop_map(Happens::Ms),
    ]
}

struct World {
    state: State,
    began: Instant,
    ms: u64,
    waiting: Vec<Class>,
    under_way: i64,
    /// When each request went, and of which class.
    went: Vec<(u64, Class)>,
    polls_granted: i64,
}

impl World {
    fn new(polls: i64) -> Self {
        let mut world = Self {
            state: State::default(),
            began: Instant::now(),
            ms: 0,
            waiting: Vec::new(),
            under_way: 0,
            went: Vec::new(),
            polls_granted: polls,
        };
        world.renew(polls);
        world
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_millis(self.ms)
    }

    /// As the store would: the slots again, and what is left to polls.
    fn renew(&mut self, polls: i64) {
        let now = self.now();
        let (ask, _) = self
            .state
            .ask(ConnectionId::from_u128(1), NodeId::from_u128(1), 500);
        let grant = Grant {
            slots: LIMITS.max,
            daily: None,
            polls,
            daily_reset_at: None,
            limits: Some(LIMITS),
        };
        self.state.apply(&ask, &grant, now);
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Comes(class) => {
                self.waiting.push(class);
                self.state.turns.enter(class);
            }
            Happens::Answered if self.under_way > 0 => {
                self.under_way -= 1;
                let free_at = self.now() + Duration::from_secs(1);
                self.state.end(free_at);
            }
            Happens::Answered => {}
            Happens::Ms(ms) => {
                self.ms += ms;
                let polls = self.polls_granted - self.polled();
                self.renew(polls);
            }
        }
    }

    fn polled(&self) -> i64 {
        i64::try_from(
            self.went
                .iter()
                .filter(|(_, class)| *class == Class::Poll)
                .count(),
        )
        .unwrap_or(0)
    }

    /// Everybody who waits tries, the last who came first, until nobody can go; who went, with who waited then.
    fn all_try(&mut self) -> Vec<(Class, Vec<Class>)> {
        let mut went = Vec::new();
        'again: loop {
            for place in (0..self.waiting.len()).rev() {
                let class = self.waiting[place];
                if self.state.try_take(class, self.now(), UnixMs(0)).is_ok() {
                    went.push((class, self.waiting.clone()));
                    self.went.push((self.ms, class));
                    self.waiting.remove(place);
                    self.state.turns.leave(class);
                    self.under_way += 1;
                    continue 'again;
                }
            }
            return went;
        }
    }
}

proptest! {
    #[test]
    fn no_interval_is_overdrawn_and_polls_keep_to_their_share(
        steps in proptest::collection::vec(happens(), 1..400),
        polls in 0_i64..10,
    ) {
        let mut world = World::new(polls);
        for step in steps {
            world.happens(step);
            world.all_try();
            let since = world.ms.saturating_sub(999);
            let recent = world.went.iter().filter(|(at, _)| *at >= since).count();
            prop_assert!(recent <= 5, "{recent} requests in one interval");
            prop_assert!(world.under_way <= 5);
            prop_assert!(world.polled() <= polls);
        }
    }

    #[test]
    fn the_first_class_goes_first_and_none_waits_for_ever(
        steps in proptest::collection::vec(happens(), 1..400),
    ) {
        let mut world = World::new(1_000);
        let mut passed = [0_u32; 4];
        for step in steps {
            world.happens(step);
            for (class, waiting) in world.all_try() {
                let first = waiting.iter().min().copied();
                let owed = passed[class as usize] >= PASSED_AT_MOST;
                prop_assert!(first == Some(class) || owed, "{class:?} went before {first:?}");
                for other in Class::ALL {
                    let waits = waiting.contains(&other);
                    passed[other as usize] = if waits && other != class { passed[other as usize] + 1 } else { 0 };
                    prop_assert!(passed[other as usize] <= PASSED_AT_MOST + 3, "{other:?} starves");
                }
            }
        }
    }
}

#[test]
fn of_a_crowd_each_class_gets_its_share() {
    let mut world = World::new(1_000);
    for _ in 0..200 {
        for class in Class::ALL {
            world.happens(Happens::Comes(class));
        }
    }
    while world.went.len() < 120 {
        world.all_try();
        for _ in 0..5 {
            world.happens(Happens::Answered);
        }
        world.happens(Happens::Ms(1_001));
    }
    let share = |class| world.went.iter().filter(|(_, went)| *went == class).count();
    assert_eq!(world.went.len(), 120);
    for class in [Class::Hand, Class::Poll, Class::Backfill] {
        assert!((9..=12).contains(&share(class)), "{class:?}: {}", share(class));
    }
}
