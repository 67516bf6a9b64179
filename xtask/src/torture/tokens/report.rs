//! What a person reads at the end of a run.

use std::process::ExitCode;
use std::time::Duration;

use super::Args;
use super::findings::Findings;
use crate::torture::report::{faults, print_rules};
use crate::torture::sender::Seen;
use crate::torture::witness::Log;

/// Prints the figures and the verdict's rules.
pub fn print(findings: &Findings, seen: &Seen, log: &Log, took: Duration) {
    let Findings { tokens, done, .. } = findings;
    println!("\n| what | |\n|---|---|");
    println!("| duration | {:.0} s |", took.as_secs_f64());
    println!("| rounds | {} |", done.rounds);
    println!("| runs | {} |", seen.acknowledged.len());
    println!("| operations called by hand | {} |", done.calls);
    println!(
        "| requests to GHL | {} |",
        log.values().filter(|entry| entry.actor == "api").count()
    );
    println!("| expiries | {} |", tokens.expiries);
    println!("| successful refreshes | {} |", tokens.refreshes);
    println!("| refreshes without effect | {} |", tokens.without_effect);
    println!("| faults | {} |", faults(log));
    println!("| kills at the answer | {} |", done.kills);
    println!("| pairs lost by a kill | {} |", tokens.lost_by_kill);
    println!("| pairs lost by a cut | {} |", tokens.lost_by_cut);
    println!("| authorizations anew | {} |", done.reauthorizations);
    print_rules(&findings.rules());
}

/// 0: as expected; 1: not; 2: the run says nothing, because its hardest case never came.
pub fn exit_code(args: &Args, findings: &Findings) -> ExitCode {
    let (word, code) = match (findings.is_red(), args.expect_red) {
        (true, true) => ("RED, as expected", 0),
        (true, false) => ("RED", 1),
        (false, true) => ("GREEN, but red was expected", 1),
        (false, false) if args.kills > 0 && findings.tokens.lost_by_kill == 0 => {
            ("INVALID RUN: no kill came between an answer and its commit", 2)
        }
        (false, false) => ("GREEN", 0),
    };
    println!("\nverdict: {word}");
    ExitCode::from(code)
}
