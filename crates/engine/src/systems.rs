//! The outside systems behind one face: who sends a step's call, and what came of it.
//!
//! ```text
//! operation.system ─► Directory::target_of ─► Target ─► Line::send ─► Exchange
//!   ghl          the connection that the automation names, else the shop's target, else the only one
//!   thrivecart   the one that it names, else the one that the event came by, else the only one
//!   notify       the Slack or SMTP connection that it names, else the only one of that kind
//!   http         one that it names, or the only one; else none: calls are recorded with the one that the event came by
//! ```

use std::sync::Arc;

use cartlane_catalog::{Catalog, Operation, Request, System};
use cartlane_ghl::Account;
use cartlane_model::SecretString;
use cartlane_model::event::Mode;
use cartlane_notify::{Http, Mail, Slack};
use cartlane_store::budgets::Limits;
use cartlane_thrivecart::rest;
use serde_json::{Value as Json, json};
use url::Url;

use crate::exchange::{Came, Exchange, Refusal};
use crate::tokens::{Tokens, Unavailable};

/// Slack documents one message a second for a web hook.
const SLACK: Limits = Limits {
    max: 1,
    interval_ms: 1_000,
    daily: None,
};
/// Mail servers document no common limit: this one is ours, and keeps a burst from looking like spam.
const SMTP: Limits = Limits {
    max: 10,
    interval_ms: 1_000,
    daily: None,
};
const THRIVECART: Limits = Limits {
    max: rest::PER_MINUTE,
    interval_ms: 60_000,
    daily: None,
};

/// How calls of a connection go out.
#[derive(Clone)]
pub(crate) enum Line {
    Ghl {
        client: cartlane_ghl::Client,
        base_url: Url,
        location_id: String,
        credential: Credential,
    },
    ThriveCart {
        client: rest::Client,
        base_url: Url,
        key: SecretString,
    },
    Slack(Slack),
    Mail(Mail),
    Http(Http),
}

/// What a call to GHL is made with.
#[derive(Clone)]
pub(crate) enum Credential {
    /// The same token for good.
    Token(SecretString),
    /// Tokens that are renewed.
    OAuth(Arc<Tokens>),
}

/// The kinds of connection that calls go to, as the configuration writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ghl,
    ThriveCart,
    Slack,
    Smtp,
    Http,
}

impl Kind {
    /// The kind that does this operation.
    pub fn of(operation: &Operation) -> Self {
        match operation.system {
            System::Ghl => Self::Ghl,
            System::ThriveCart => Self::ThriveCart,
            System::Notify if operation.id == "notify.email" => Self::Smtp,
            System::Notify => Self::Slack,
            System::Http => Self::Http,
        }
    }

    /// What is missing where there is no such connection.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Ghl => {
                "no GHL connection: name one in the automation's `connection`, or in the shop's `target`"
            }
            Self::ThriveCart => {
                "no ThriveCart connection with an API key: give the shop one (`api_key_env`), or name the one that is meant \
                 in the automation's `connection`"
            }
            Self::Slack => {
                "no Slack connection: add one of kind `slack`; where there are several, name one in the automation's \
                 `connection`"
            }
            Self::Smtp => {
                "no mail server: add a connection of kind `smtp`; where there are several, name one in the automation's \
                 `connection`"
            }
            Self::Http => "",
        }
    }
}

impl Line {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ghl { .. } => Kind::Ghl,
            Self::ThriveCart { .. } => Kind::ThriveCart,
            Self::Slack(_) => Kind::Slack,
            Self::Mail(_) => Kind::Smtp,
            Self::Http(_) => Kind::Http,
        }
    }

    /// The limits that count where the other side tells none; `None` for GHL, which has its own, and for servers that
    /// nobody knows.
    pub fn limits(&self) -> Option<Limits> {
        match self {
            Self::ThriveCart { .. } => Some(THRIVECART),
            Self::Slack(_) => Some(SLACK),
            Self::Mail(_) => Some(SMTP),
            Self::Ghl { .. } | Self::Http(_) => None,
        }
    }

    /// The location that calls are about; empty where there is no such thing.
    pub fn location_id(&self) -> &str {
        match self {
            Self::Ghl { location_id, .. } => location_id,
            _ => "",
        }
    }

    /// The tokens of a connection that is authorized by OAuth.
    pub fn tokens(&self) -> Option<&Arc<Tokens>> {
        match self {
            Self::Ghl {
                credential: Credential::OAuth(tokens),
                ..
            } => Some(tokens),
            _ => None,
        }
    }

    /// Makes one call, once.
    pub async fn send(&self, request: &Request, inputs: &Json, mode: Mode) -> Exchange {
        match self {
            Self::Ghl {
                client,
                base_url,
                location_id,
                credential,
            } => {
                let account = |token: SecretString| Account {
                    base_url: base_url.clone(),
                    token,
                    location_id: location_id.clone(),
                };
                match credential {
                    Credential::Token(token) => client.send(&account(token.clone()), request).await.into(),
                    Credential::OAuth(tokens) => send_with(tokens, client, account, request).await,
                }
            }
            Self::ThriveCart {
                client,
                base_url,
                key,
            } => {
                let account = rest::Account {
                    base_url: base_url.clone(),
                    key: key.clone(),
                    mode,
                };
                client.send(&account, request).await.into()
            }
            Self::Slack(slack) => slack.send(inputs).await.into(),
            Self::Mail(mail) => mail.send(inputs).await.into(),
            Self::Http(http) => http.send(inputs).await.into(),
        }
    }

    /// One cheap call that changes nothing: whether the other side answers, and lets this connection in.
    pub async fn probe(&self) -> Option<Exchange> {
        let (id, inputs) = match self {
            Self::Ghl { .. } => (
                "ghl.contacts.find_duplicate",
                json!({"email": "probe@cartlane.invalid"}),
            ),
            Self::ThriveCart { .. } => ("thrivecart.account.ping", json!({})),
            Self::Slack(slack) => return Some(slack.check().await.into()),
            Self::Mail(mail) => return Some(mail.check().await.into()),
            Self::Http(_) => return None,
        };
        let operation = Catalog::builtin().get(id)?;
        let request = operation.request(&inputs, self.location_id()).ok()?;
        Some(self.send(&request, &inputs, Mode::Live).await)
    }
}

/// Makes one call with a token that is renewed. One that GHL refuses before its time is renewed, too; the call was not
/// looked at, so that it counts as not sent.
async fn send_with(
    tokens: &Arc<Tokens>,
    client: &cartlane_ghl::Client,
    account: impl Fn(SecretString) -> Account,
    request: &Request,
) -> Exchange {
    let token = match tokens.token().await {
        Ok(token) => token,
        Err(Unavailable::NotYet(why)) => return Exchange::without_answer(Came::NotSent(why), tokens.now()),
        Err(Unavailable::Reconnect(why)) => {
            let refusal = Refusal::Ghl(cartlane_ghl::Rejection::Reconnect(why));
            return Exchange::without_answer(Came::Rejected(refusal), tokens.now());
        }
    };
    let mut exchange: Exchange = client.send(&account(token.secret), request).await.into();
    if matches!(
        exchange.outcome,
        Came::Rejected(Refusal::Ghl(cartlane_ghl::Rejection::InvalidToken(_)))
    ) && tokens.refused(token.version).await
    {
        exchange.outcome = Came::NotSent("GHL refused its token before its time; it gets another one".into());
    }
    exchange
}
