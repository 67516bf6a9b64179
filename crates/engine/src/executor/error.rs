//! Why a call came to nothing: one enum with stable codes, each with a section in `docs/errors.md`.

use cartlane_ghl::Rejection;
use cartlane_model::Problems;

/// Why an operation was not done, or nobody knows whether it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// There is no such connection.
    #[error("there is no connection `{name}` that this can be done with; {known}")]
    NoConnection {
        /// What was asked for.
        name: String,
        /// Which there are.
        known: String,
    },
    /// There is no such operation.
    #[error("there is no operation `{id}`; {hint}")]
    UnknownOperation {
        /// What was asked for.
        id: String,
        /// Which was probably meant, or where they are listed.
        hint: String,
    },
    /// The inputs are wrong; all faults, each with its path. Nothing was sent.
    #[error("{0}")]
    Inputs(Problems),
    /// The operation's answer is no list, so it has no pages.
    #[error("the answer of {0} is no list; call it without asking for all pages")]
    NoPages(String),
    /// There is no such list of choices.
    #[error("there is no list of choices `{0}`")]
    NoSuchList(String),
    /// The connection is paused: every call would be refused. Nothing was sent.
    #[error("the connection is paused since {since} ({code}): {reason}")]
    Paused {
        /// The code of what is wrong with it.
        code: String,
        /// What is wrong with it, and what to do.
        reason: String,
        /// Since when.
        since: String,
    },
    /// GHL's limit leaves nothing for so long. Nothing was sent.
    #[error("GHL's limit leaves no request for another {in_s} s; try again then")]
    NoBudget {
        /// Seconds until there is something.
        in_s: i64,
    },
    /// It could not be sent: the line failed before a byte was written, also when it was tried again.
    #[error("it could not be sent: {0}")]
    NotSent(String),
    /// Nobody knows whether it took effect, and there is no way to look.
    #[error(
        "it is unclear whether {operation} took effect ({why}), and there is no way to look; look there yourself before calling it again"
    )]
    Unclear {
        /// The operation.
        operation: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// Nobody knows whether it took effect, since the look for it came to nothing.
    #[error(
        "it is unclear whether {operation} took effect ({why}), and the look for it failed ({look}); look there yourself before calling it again"
    )]
    LookFailed {
        /// The operation.
        operation: String,
        /// What happened instead of an answer.
        why: String,
        /// What the look came to.
        look: Box<Self>,
    },
    /// No answer came, and a look when it could no longer take effect did not find it.
    #[error("{operation} got no answer ({why}) and has not taken effect; it may be called again")]
    Absent {
        /// The operation.
        operation: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// A read came to nothing, also when it was tried again.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// GHL refused it, for a reason that says what to do.
    #[error("{}", .0.advice())]
    Refused(Rejection),
    /// Another system than GHL refused it, for a reason that says what to do.
    #[error("{}", .0.advice())]
    Declined(cartlane_outbound::Rejection),
    /// An operation of several calls cannot go on.
    #[error("{message}")]
    Stopped {
        /// Why.
        message: String,
        /// The last refusal, where that was the reason.
        refusal: Option<Rejection>,
    },
}

/// Every code of [`CallError`] and of GHL's refusals.
pub const CALL_CODES: [&str; 27] = [
    "call.no_connection",
    "call.unknown_operation",
    "call.inputs",
    "call.no_pages",
    "call.no_such_list",
    "call.no_budget",
    "call.not_sent",
    "call.unclear",
    "call.absent",
    "call.no_answer",
    "call.stopped",
    "connection.paused",
    "ghl.rate_limited",
    "ghl.invalid_token",
    "ghl.reconnect",
    "ghl.missing_scope",
    "ghl.wrong_location",
    "ghl.location_suspended",
    "ghl.forbidden",
    "ghl.not_found",
    "ghl.duplicate",
    "ghl.invalid",
    "ghl.version_header",
    "ghl.blocked",
    "ghl.file_too_large",
    "ghl.unsendable_file",
    "ghl.other",
];

impl CallError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoConnection { .. } => "call.no_connection",
            Self::UnknownOperation { .. } => "call.unknown_operation",
            Self::Inputs(_) => "call.inputs",
            Self::NoPages(_) => "call.no_pages",
            Self::NoSuchList(_) => "call.no_such_list",
            Self::Paused { .. } => "connection.paused",
            Self::NoBudget { .. } => "call.no_budget",
            Self::NotSent(_) => "call.not_sent",
            Self::Unclear { .. } | Self::LookFailed { .. } => "call.unclear",
            Self::Absent { .. } => "call.absent",
            Self::NoAnswer(_) => "call.no_answer",
            Self::Refused(rejection) => rejection.code(),
            Self::Declined(rejection) => rejection.code,
            Self::Stopped { refusal, .. } => refusal.as_ref().map_or("call.stopped", Rejection::code),
        }
    }

    /// Whether what it was about is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Refused(rejection) => *rejection == Rejection::NotFound,
            Self::Declined(rejection) => rejection.refusal == cartlane_outbound::Refusal::NotFound,
            _ => false,
        }
    }

    /// GHL's refusal, where that is the reason: which scope is missing, which contact is there already.
    pub fn refusal(&self) -> Option<&Rejection> {
        match self {
            Self::Refused(rejection) => Some(rejection),
            Self::Stopped { refusal, .. } => refusal.as_ref(),
            _ => None,
        }
    }
}
