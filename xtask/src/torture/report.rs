//! What a person reads at the end of a run.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::sender::Seen;
use super::verdict::Verdict;
use super::witness::Log;
use super::{Args, Troubles};

const SHOWN: usize = 5;

/// Prints the figures and the verdict.
pub fn print(args: &Args, verdict: &Verdict, seen: &Seen, log: &Log, troubles: &Troubles, took: Duration) {
    let acknowledged = u32::try_from(seen.acknowledged.len()).unwrap_or(u32::MAX);
    let done = &troubles.done;
    println!("\n| what | |\n|---|---|");
    println!("| duration | {:.0} s |", took.as_secs_f64());
    println!(
        "| deliveries acknowledged | {acknowledged} of {} ({:.1}/s over the whole run) |",
        args.deliveries,
        f64::from(acknowledged) / took.as_secs_f64()
    );
    println!(
        "| attempts | {} ({} repeated, {} sent again on purpose) |",
        seen.attempts, seen.unanswered, seen.duplicates
    );
    println!(
        "| kills | {} (slowest start to ready {} ms) |",
        done.kills,
        done.slowest_start.as_millis()
    );
    println!(
        "| times that database connections were ended | {} |",
        troubles.connections_ended
    );
    println!("| another user's tags | {} |", troubles.user_tags.len());
    println!(
        "| requests to GHL | {} |",
        log.values().filter(|entry| entry.actor == "api").count()
    );
    println!("| faults | {} |", faults(log));
    println!(
        "| notes cut after they were made | {} (at least {} needed) |",
        verdict.notes_cut,
        args.cuts_needed()
    );
    print_rules(&verdict.rules());
}

/// Prints how often each rule was broken, and the first of its violations.
pub fn print_rules(rules: &[(&str, &[String])]) {
    for (rule, violations) in rules {
        println!("| **{rule}** | **{}** |", violations.len());
    }
    for (rule, violations) in rules.iter().filter(|(_, violations)| !violations.is_empty()) {
        println!("\n{rule}:");
        violations
            .iter()
            .take(SHOWN)
            .for_each(|violation| println!("  {violation}"));
        if violations.len() > SHOWN {
            println!("  … {} more", violations.len() - SHOWN);
        }
    }
}

/// The faults that GHL's stand-in has injected, each with how often.
pub fn faults(log: &Log) -> String {
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in log.values().filter_map(|entry| entry.fault.as_deref()) {
        *faults.entry(fault).or_default() += 1;
    }
    let faults = faults.iter().map(|(fault, times)| format!("{fault} {times}"));
    faults.collect::<Vec<_>>().join(", ")
}

/// 0: as expected; 1: not; 2: the run says nothing, because its hardest case came too rarely.
pub fn exit_code(args: &Args, verdict: &Verdict) -> ExitCode {
    let (word, code) = match (verdict.is_red(), args.expect_red) {
        (true, true) => ("RED, as expected", 0),
        (true, false) => ("RED", 1),
        (false, _) if verdict.notes_cut < args.cuts_needed() => ("INVALID RUN: too few notes were cut", 2),
        (false, true) => ("GREEN, but red was expected", 1),
        (false, false) => ("GREEN", 0),
    };
    println!("\nverdict: {word}");
    ExitCode::from(code)
}
