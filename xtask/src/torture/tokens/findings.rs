//! Everything that was found in a run.

use super::verdict;
use crate::torture::verdict as effects;

/// Everything that was found.
pub struct Findings {
    /// What the sandbox's log says of the tokens.
    pub tokens: verdict::Verdict,
    /// What it says of the runs' effects.
    pub effects: effects::Verdict,
    /// Rounds in which something else than planned happened.
    pub unplanned: Vec<String>,
    /// Runs that failed.
    pub failed: Vec<String>,
    /// What was done.
    pub done: Done,
}

impl Findings {
    /// The rules, each with its violations.
    pub fn rules(&self) -> Vec<(&'static str, &[String])> {
        let mut rules = self.tokens.rules().to_vec();
        rules.extend([
            ("rounds that went otherwise", &self.unplanned[..]),
            ("runs that failed", &self.failed),
        ]);
        let of_effects = ["acknowledged without effect", "effects twice", "order inversions"];
        rules.extend(
            self.effects
                .rules()
                .into_iter()
                .filter(|(rule, _)| of_effects.contains(rule)),
        );
        rules
    }

    /// Whether any rule is broken.
    pub fn is_red(&self) -> bool {
        self.rules().iter().any(|(_, violations)| !violations.is_empty())
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Rounds that are over.
    pub rounds: usize,
    /// Servers killed and started again.
    pub kills: usize,
    /// Authorizations but for the first.
    pub reauthorizations: usize,
    /// Operations called by hand.
    pub calls: usize,
}
