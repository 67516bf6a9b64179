//! What an answer means, and what to do about it.

use serde::Serialize;

/// What came of a call to GHL.
pub type Outcome = cartlane_outbound::Outcome<Rejection>;

/// Why GHL refused a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Rejection {
    /// Too many requests: in the short window, or for the day.
    #[error("too many requests{}", if *daily { " for today" } else { "" })]
    RateLimited {
        /// How long to wait, by Retry-After or else by the rate headers; `None` where neither says.
        retry_after_ms: Option<i64>,
        /// Whether it is the day's budget that is spent.
        daily: bool,
    },
    /// The token is wrong, revoked or expired.
    #[error("GHL does not accept the token: {0}")]
    InvalidToken(String),
    /// There is no token, and no way to get one without a person.
    #[error("this connection has to be authorized anew: {0}")]
    Reconnect(String),
    /// The token lacks a scope. (GHL answers 401, not 403.)
    #[error("the token lacks a scope: {}", scopes.join(", "))]
    MissingScope {
        /// The scopes that the operation needs, by the catalog.
        scopes: Vec<String>,
        /// Whether the token is an app's, and not a private integration's.
        of_app: bool,
    },
    /// The token is for another location than the connection's.
    #[error("the token is not for this location")]
    WrongLocation,
    /// The location is not active.
    #[error("the location is not active")]
    LocationSuspended,
    /// This token may not do this at all, such as an agency's call with a location's token.
    #[error("GHL forbids this call to this token")]
    Forbidden,
    /// The thing that the call is about is not there. (GHL often answers 400, not 404.)
    #[error("GHL has no such thing")]
    NotFound,
    /// The location forbids duplicates, and there is one.
    #[error("contact {contact_id} has the same {matching_field}")]
    Duplicate {
        /// The contact that has it.
        contact_id: String,
        /// `email`, `phone` or `additionalEmail`; empty where GHL does not say.
        matching_field: String,
    },
    /// GHL does not accept what was sent.
    #[error("GHL does not accept what was sent: {}", messages.join("; "))]
    Invalid {
        /// GHL's own words.
        messages: Vec<String>,
    },
    /// The `Version` header is missing or wrong: a fault of the catalog.
    #[error("GHL does not accept the API version")]
    VersionHeader,
    /// The answer is a file beyond the size that is kept. The call took effect.
    #[error("the file is larger than {limit_bytes} bytes")]
    FileTooLarge {
        /// The largest size that is kept.
        limit_bytes: u64,
    },
    /// A file that was to be uploaded is not there, or is none. Nothing was sent.
    #[error("the file cannot be sent: {0}")]
    UnsendableFile(String),
    /// Anything else. A 403 is one that did not come from GHL itself but from something in front of it.
    #[error("GHL answered {status}: {message}")]
    Other {
        /// The HTTP status.
        status: u16,
        /// What the answer said.
        message: String,
    },
}

/// Why a whole connection has to pause: every call would be refused likewise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Stable code, the same as the rejection's.
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub reason: String,
}

impl Rejection {
    /// A stable code, which has a section in the documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "ghl.rate_limited",
            Self::InvalidToken(_) => "ghl.invalid_token",
            Self::Reconnect(_) => "ghl.reconnect",
            Self::MissingScope { .. } => "ghl.missing_scope",
            Self::WrongLocation => "ghl.wrong_location",
            Self::LocationSuspended => "ghl.location_suspended",
            Self::Forbidden => "ghl.forbidden",
            Self::NotFound => "ghl.not_found",
            Self::Duplicate { .. } => "ghl.duplicate",
            Self::Invalid { .. } => "ghl.invalid",
            Self::VersionHeader => "ghl.version_header",
            Self::FileTooLarge { .. } => "ghl.file_too_large",
            Self::UnsendableFile(_) => "ghl.unsendable_file",
            Self::Other { status: 403, .. } => "ghl.blocked",
            Self::Other { .. } => "ghl.other",
        }
    }

    /// What is wrong, in GHL's words where it has any, and what to do about it.
    pub fn advice(&self) -> String {
        format!("{self}. {}", self.remedy())
    }

    fn remedy(&self) -> String {
        let fixed = match self {
            Self::MissingScope { scopes, of_app } => {
                let scopes = scopes.join(" and ");
                return if *of_app {
                    format!(
                        "Add {scopes} to the app in GHL and under the connection's `scopes`; then `cartlane connections reauthorize NAME`."
                    )
                } else {
                    format!("Add {scopes} to the private integration; its token stays the same.")
                };
            }
            Self::Duplicate { contact_id, .. } => {
                return format!("Update contact {contact_id}, or merge the two in GHL.");
            }
            Self::RateLimited { daily: true, .. } => "Work goes on by itself when GHL starts a new day.",
            Self::RateLimited { .. } => "Work goes on by itself in a moment.",
            Self::InvalidToken(_) => {
                "Make a new private integration token in the location's settings and give it to this connection."
            }
            Self::Reconnect(_) => {
                "Open the address that `cartlane connections reauthorize NAME` prints; what waits goes on by itself."
            }
            Self::WrongLocation => "Check the connection's location_id, or use a token of that location.",
            Self::LocationSuspended => "Have the agency make it active again; work then goes on by itself.",
            Self::Forbidden => "Use an agency's token for agency calls, a location's token for its own.",
            Self::NotFound => "It was deleted or merged in GHL, or the id is of another location.",
            Self::Invalid { .. } => "Change the inputs accordingly and try again.",
            Self::VersionHeader => "Update Cartlane; if it is the newest version, please report this.",
            Self::FileTooLarge { .. } => "Fetch it in GHL, or raise limits.file_bytes.",
            Self::UnsendableFile(_) => {
                "Give the file as `text`, as `base64`, or the id of one that a step's answer brought as `kept`; 50 MB at most."
            }
            Self::Other { status: 403, .. } => {
                "Something in front of GHL refuses this machine: check base_url, proxies, the server's address."
            }
            Self::Other { .. } => {
                "Check the connection's base_url; if it is right, look at the recorded answer."
            }
        };
        fixed.into()
    }

    /// Whether the whole connection is in trouble. A missing scope is not that: other automations can go on.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::InvalidToken(_)
            | Self::Reconnect(_)
            | Self::WrongLocation
            | Self::LocationSuspended
            | Self::Other { status: 403, .. } => Some(Trouble {
                code: self.code(),
                reason: self.advice(),
            }),
            _ => None,
        }
    }
}
