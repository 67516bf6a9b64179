//! Messages to people, and requests to servers that nobody has described: Slack, e-mail, any HTTP.
//!
//! ```text
//! Slack ─► incoming web hook      Mail ─► SMTP server      Http ─► any address of the public internet
//! ```
//!
//! Each takes the checked inputs of its catalog operation (`notify.slack`, `notify.email`, `http.request`) and makes one
//! [`Exchange`](cartlane_outbound::Exchange). What always holds: nothing is sent twice from here, and an
//! [`Outcome::NotSent`](cartlane_outbound::Outcome::NotSent) means that nobody has got anything. Private networks are
//! refused unless a connection allows them. No secret is in an error, a `Debug` text or a record: neither the web hook's
//! address nor a password.

mod http;
mod mail;
mod slack;

pub use crate::http::{Http, without_header_values};
pub use mail::{Mail, MailError, Server, Tls};
pub use slack::Slack;
