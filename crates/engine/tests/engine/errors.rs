//! Every code that an operation may end with has its section in the documentation.

use cartlane_engine::CallError;
use cartlane_engine::executor::CALL_CODES;
use cartlane_ghl::Rejection;
use cartlane_model::Problems;

/// One of each kind.
fn errors() -> Vec<CallError> {
    let text = String::new;
    let other = |status| Rejection::Other {
        status,
        message: text(),
    };
    let refusals = [
        Rejection::RateLimited {
            retry_after_ms: None,
            daily: false,
        },
        Rejection::InvalidToken(text()),
        Rejection::Reconnect(text()),
        Rejection::MissingScope {
            scopes: Vec::new(),
            of_app: false,
        },
        Rejection::WrongLocation,
        Rejection::LocationSuspended,
        Rejection::Forbidden,
        Rejection::NotFound,
        Rejection::Duplicate {
            contact_id: text(),
            matching_field: text(),
        },
        Rejection::Invalid { messages: Vec::new() },
        Rejection::VersionHeader,
        Rejection::FileTooLarge { limit_bytes: 1 },
        Rejection::UnsendableFile(text()),
        other(403),
        other(418),
    ];
    let ours = [
        CallError::NoConnection {
            name: text(),
            known: text(),
        },
        CallError::UnknownOperation {
            id: text(),
            hint: text(),
        },
        CallError::Inputs(Problems::default()),
        CallError::NoPages(text()),
        CallError::NoSuchList(text()),
        CallError::Paused {
            code: text(),
            reason: text(),
            since: text(),
        },
        CallError::NoBudget { in_s: 1 },
        CallError::NotSent(text()),
        CallError::Unclear {
            operation: text(),
            why: text(),
        },
        CallError::Absent {
            operation: text(),
            why: text(),
        },
        CallError::NoAnswer(text()),
        CallError::Stopped {
            message: text(),
            refusal: None,
        },
    ];
    let refused = refusals.into_iter().map(CallError::Refused);
    ours.into_iter().chain(refused).collect()
}

#[test]
fn every_code_has_its_section() {
    let page = include_str!("../../../../docs/errors.md");
    let mut codes: Vec<&str> = errors().iter().map(CallError::code).collect();
    codes.sort_unstable();
    let mut known = CALL_CODES.to_vec();
    known.sort_unstable();
    assert_eq!(codes, known);
    for code in known {
        let sections = page.lines().filter(|line| *line == format!("### {code}")).count();
        assert_eq!(sections, 1, "{code}");
    }
}
