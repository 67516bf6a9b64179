//! Whose request goes next.
//!
//! The order is that of [`Class`]. But whoever waits is passed over by at most [`PASSED_AT_MOST`] requests of others, then
//! goes before all; so each class that waits gets its share of whatever the other side allows, however much the others want.

/// What a request is for: the first goes before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Something has happened, and an automation deals with it.
    Live,
    /// A person waits for the answer.
    Hand,
    /// A look whether something has happened. Polls get at most half of a day.
    Poll,
    /// What happened long ago is brought in.
    Backfill,
}

impl Class {
    /// All, the first first.
    pub const ALL: [Self; 4] = [Self::Live, Self::Hand, Self::Poll, Self::Backfill];
}

/// So many requests of others go before one that waits, and then its own class.
pub(super) const PASSED_AT_MOST: u32 = 9;

/// Who waits, and how often each class was passed over.
#[derive(Default)]
pub(super) struct Turns {
    waiting: [i64; 4],
    passed: [u32; 4],
}

impl Turns {
    /// One more of `class` waits.
    pub(super) fn enter(&mut self, class: Class) {
        self.waiting[class as usize] += 1;
    }

    /// One of `class` waits no longer.
    pub(super) fn leave(&mut self, class: Class) {
        self.waiting[class as usize] -= 1;
        if self.waiting[class as usize] == 0 {
            self.passed[class as usize] = 0;
        }
    }

    /// Whether one of `class` waits.
    pub(super) fn waits(&self, class: Class) -> bool {
        self.waiting[class as usize] > 0
    }

    /// Whether anybody waits.
    pub(super) fn any_waits(&self) -> bool {
        Class::ALL.iter().any(|class| self.waits(*class))
    }

    /// Whether one of another class than `class` waits.
    pub(super) fn others_wait(&self, class: Class) -> bool {
        Class::ALL
            .iter()
            .any(|other| *other != class && self.waits(*other))
    }

    /// The class whose turn it is, of those that wait and `may`.
    pub(super) fn next(&self, may: impl Fn(Class) -> bool) -> Option<Class> {
        let waiting = || {
            Class::ALL
                .into_iter()
                .filter(|class| self.waits(*class) && may(*class))
        };
        let passed = |class: &Class| self.passed[*class as usize];
        let owed = waiting().filter(|class| passed(class) >= PASSED_AT_MOST);
        owed.max_by_key(passed).or_else(|| waiting().next())
    }

    /// One of `class` went.
    pub(super) fn took(&mut self, class: Class) {
        for other in Class::ALL.into_iter().filter(|other| *other != class) {
            if self.waits(other) {
                self.passed[other as usize] += 1;
            }
        }
        self.passed[class as usize] = 0;
    }
}
