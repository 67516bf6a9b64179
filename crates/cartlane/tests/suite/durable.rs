//! No 200 before the fsync that covers its event, as the kernel sees it.
//!
//! `strace` writes a system call's beginning before the kernel does it, and its end before the thread goes on; so when
//! one line causes another, it stands before it, and what stands in the file in this order did happen in this order.
//! For each delivery the trace must show, in order: the customer's e-mail, which stands as text in the event's row,
//! written into the write-ahead log; an fsync of that log that began after that; its end; the beginning of the answer.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::thread;

use crate::common::{House, Setup, payload, skip, wait_for};

const SYSTEM_CALLS: &str = "trace=pwrite64,pwritev,fsync,fdatasync,write,writev,sendto,sendmsg,exit_group";
const ONE_BY_ONE: u32 = 20;
const AT_ONCE: u32 = 20;

#[test]
fn no_200_is_written_before_the_fsync_that_covers_its_event() {
    let Some((trace, answers)) = traced(&[]) else {
        return skip("strace is not installed, or may not trace");
    };
    for (number, event) in &answers {
        let (email, answered) = (payload::email(*number), trace.answer(event));
        assert!(
            trace.is_durable_before(&email, answered),
            "{event} of {email} was acknowledged in line {answered} of the trace, before it was on disk"
        );
    }
    // The first answer was written before the second delivery was sent: the check tells that, too.
    assert!(!trace.is_durable_before(&payload::email(1), trace.answer(&answers[0].1)));
}

/// The check of the test above, on a server that answers too early.
#[cfg(feature = "break")]
#[test]
fn server_that_acknowledges_before_the_commit_is_found_out() {
    let Some((trace, answers)) = traced(&["env", "CARTLANE_BREAK=ack-before-commit"]) else {
        return skip("strace is not installed, or may not trace");
    };
    let is_late = |(number, event): &(u32, String)| {
        !trace.is_durable_before(&payload::email(*number), trace.answer(event))
    };
    assert!(answers.iter().any(is_late));
}

/// Deliveries to a server under `strace`, one after the other and then at once: the trace, and each delivery's number
/// with the event that its answer named. `None` where nothing can be traced.
fn traced(under: &[&str]) -> Option<(Trace, Vec<(u32, String)>)> {
    let works = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let directory = tempfile::TempDir::new().expect("a directory");
    let file = directory.path().join("trace");
    // -D: the server, not strace, is the child; -y: files by name; -s: long enough for a page of the log
    let options = ["strace", "-D", "-f", "-y", "-s", "5000", "-e", SYSTEM_CALLS, "-o"];
    let mut under: Vec<String> = under
        .iter()
        .chain(&options)
        .map(|word| (*word).to_owned())
        .collect();
    under.push(file.display().to_string());
    let mut house = House::with(Setup {
        under,
        ..Setup::default()
    });
    let send = |number| (number, house.deliver(&payload::order(number)).event());
    let mut answers: Vec<(u32, String)> = (0..ONE_BY_ONE).map(send).collect();
    answers.extend(thread::scope(|scope| {
        let at_once = ONE_BY_ONE..ONE_BY_ONE + AT_ONCE;
        let senders: Vec<_> = at_once
            .map(|number| {
                scope.spawn({
                    let send = &send;
                    move || send(number)
                })
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().expect("an answer"))
            .collect::<Vec<_>>()
    }));
    house.stop("KILL");
    let trace = wait_for("the end of the trace", || {
        let trace = fs::read_to_string(&file).unwrap_or_default();
        trace.contains("+++ killed by SIGKILL").then_some(trace)
    });
    Some((Trace::read(&trace), answers))
}

/// What counts of a trace: each with the number of its line.
struct Trace {
    /// Pages written into the log.
    pages: Vec<(usize, String)>,
    /// fsyncs of the log: beginning and end.
    syncs: Vec<(usize, usize)>,
    /// Answers that acknowledge a delivery, at their beginning.
    answers: Vec<(usize, String)>,
}

impl Trace {
    fn read(text: &str) -> Self {
        let mut trace = Self {
            pages: Vec::new(),
            syncs: Vec::new(),
            answers: Vec::new(),
        };
        let mut open: HashMap<&str, usize> = HashMap::new(); // threads inside an fsync of the log
        for (at, line) in text.lines().enumerate() {
            let (thread, call) = line.split_once(char::is_whitespace).unwrap_or_default();
            let call = call.trim_start();
            let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
            if is_sync && call.contains("-wal>") {
                if call.contains("<unfinished ...>") {
                    open.insert(thread, at);
                } else if call.ends_with("= 0") {
                    trace.syncs.push((at, at));
                }
            } else if call.starts_with("<... fsync resumed>") || call.starts_with("<... fdatasync resumed>") {
                let began = open.remove(thread).filter(|_| call.ends_with("= 0"));
                trace.syncs.extend(began.map(|began| (began, at)));
            } else if call.starts_with("pwrite") && call.contains("-wal>") {
                trace.pages.push((at, call.to_owned()));
            } else if call.contains("HTTP/1.1 200") && call.contains("stored as evt_") {
                trace.answers.push((at, call.to_owned()));
            }
        }
        trace
    }

    /// The line of the answer that acknowledges `event`.
    fn answer(&self, event: &str) -> usize {
        let found = self.answers.iter().find(|(_, call)| call.contains(event));
        found.map_or_else(
            || panic!("no answer names {event}: the trace is not whole"),
            |(at, _)| *at,
        )
    }

    /// Whether a page with `text` was in the log and synced before the line `answered`.
    fn is_durable_before(&self, text: &str, answered: usize) -> bool {
        let Some((written, _)) = self.pages.iter().find(|(_, call)| call.contains(text)) else {
            return false;
        };
        self.syncs
            .iter()
            .any(|(began, ended)| began > written && *ended < answered)
    }
}
