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

use cartlane_catalog::{Catalog, Operation, Place, Request, System};
use cartlane_ghl::{Account, Rejection};
use cartlane_model::event::Mode;
use cartlane_model::{Clock, SecretString};
use cartlane_notify::{Http, Mail, Slack};
use cartlane_outbound as outbound;
use cartlane_store::budgets::Limits;
use cartlane_thrivecart::rest;
use serde_json::{Value as Json, json};
use url::Url;

use crate::exchange::{Came, Exchange, Refusal};
use crate::secrets::Valid;
use crate::tokens::{LocationTokens, Token, Tokens, Unavailable};

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
    Ghl(GhlLine),
    ThriveCart {
        client: rest::Client,
        base_url: Url,
        key: SecretString,
    },
    Slack(Slack),
    Mail(Mail),
    Http(Http),
    /// A secret is missing, or what else it cannot do without: everything waits until it is there.
    Missing {
        kind: Kind,
        why: String,
        clock: Arc<dyn Clock>,
    },
}

/// How calls to GHL go out.
#[derive(Clone)]
pub(crate) struct GhlLine {
    pub client: cartlane_ghl::Client,
    pub base_url: Url,
    /// `None` for an agency.
    pub location_id: Option<String>,
    pub company_id: Option<String>,
    pub credential: Credential,
    pub clock: Arc<dyn Clock>,
}

/// What a call to GHL is made with.
#[derive(Clone)]
pub(crate) enum Credential {
    /// A private integration token; while it is changed, the one before is taken where GHL refuses the new one.
    Token(Vec<Valid>),
    /// Tokens that are renewed.
    OAuth(Arc<Tokens>),
    /// Tokens that the agency's app makes.
    OfAgency(Arc<LocationTokens>),
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
            Self::Ghl(_) => Kind::Ghl,
            Self::ThriveCart { .. } => Kind::ThriveCart,
            Self::Slack(_) => Kind::Slack,
            Self::Mail(_) => Kind::Smtp,
            Self::Http(_) => Kind::Http,
            Self::Missing { kind, .. } => *kind,
        }
    }

    /// The limits that count where the other side tells none; `None` for GHL, which has its own, and for servers that
    /// nobody knows.
    pub fn limits(&self) -> Option<Limits> {
        match self {
            Self::ThriveCart { .. } => Some(THRIVECART),
            Self::Slack(_) => Some(SLACK),
            Self::Mail(_) => Some(SMTP),
            Self::Ghl(_) | Self::Http(_) | Self::Missing { .. } => None,
        }
    }

    /// What operations are told of the connection.
    pub fn place(&self) -> Place<'_> {
        match self {
            Self::Ghl(line) => Place {
                location_id: line.location_id.as_deref().unwrap_or_default(),
                company_id: line.company_id.as_deref(),
            },
            _ => Place::default(),
        }
    }

    /// The tokens of a connection that is authorized by OAuth.
    pub fn tokens(&self) -> Option<&Arc<Tokens>> {
        match self {
            Self::Ghl(GhlLine {
                credential: Credential::OAuth(tokens),
                ..
            }) => Some(tokens),
            _ => None,
        }
    }

    /// The tokens of the app by which it is connected: its own, or its agency's.
    pub fn app_tokens(&self) -> Option<&Arc<Tokens>> {
        match self {
            Self::Ghl(GhlLine {
                credential: Credential::OfAgency(tokens),
                ..
            }) => Some(tokens.agency()),
            line => line.tokens(),
        }
    }

    /// Makes one call, once.
    pub async fn send(&self, request: &Request, inputs: &Json, mode: Mode) -> Exchange {
        match self {
            Self::Ghl(line) => line.send(request).await,
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
            Self::Missing { why, clock, .. } => missing(why, clock.now()),
        }
    }

    /// One cheap call that changes nothing: whether the other side answers, and lets this connection in.
    pub async fn probe(&self) -> Option<Exchange> {
        let (id, inputs) = match self {
            Self::Ghl(line) if line.location_id.is_none() => ("ghl.locations.search", json!({"limit": "1"})),
            Self::Ghl(_) => (
                "ghl.contacts.find_duplicate",
                json!({"email": "probe@cartlane.invalid"}),
            ),
            Self::ThriveCart { .. } => ("thrivecart.account.ping", json!({})),
            Self::Slack(slack) => return Some(slack.check().await.into()),
            Self::Mail(mail) => return Some(mail.check().await.into()),
            Self::Http(_) => return None,
            Self::Missing { why, clock, .. } => return Some(missing(why, clock.now())),
        };
        let operation = Catalog::builtin().get(id)?;
        let request = operation.request(&inputs, self.place()).ok()?;
        Some(self.send(&request, &inputs, Mode::Live).await)
    }
}

fn missing(why: &str, now: cartlane_model::UnixMs) -> Exchange {
    let rejection = outbound::Rejection {
        code: "connection.incomplete",
        message: why.to_owned(),
        remedy: "What waits goes on by itself then.",
        refusal: outbound::Refusal::Connection,
    };
    Exchange::without_answer(Came::Rejected(Refusal::Other(rejection)), now)
}

impl GhlLine {
    /// Makes one call, once. One whose token GHL refuses was not looked at: it counts as not sent where there is another
    /// token.
    async fn send(&self, request: &Request) -> Exchange {
        match &self.credential {
            Credential::Token(tokens) => self.send_with_either(tokens, request).await,
            Credential::OAuth(tokens) => {
                let token = match tokens.token().await {
                    Ok(token) => token,
                    Err(unavailable) => return self.without_token(unavailable),
                };
                let exchange = self.send_with(&token, request).await;
                if is_refused(&exchange) && tokens.refused(token.version).await {
                    return not_sent(exchange);
                }
                exchange
            }
            Credential::OfAgency(tokens) => {
                let token = match tokens.token().await {
                    Ok(token) => token,
                    Err(unavailable) => return self.without_token(unavailable),
                };
                let exchange = self.send_with(&token, request).await;
                if is_refused(&exchange) {
                    tokens.refused(token.version).await;
                    return not_sent(exchange);
                }
                exchange
            }
        }
    }

    /// While a private integration token is changed, both are valid; where the new one is refused, the one before is
    /// taken.
    async fn send_with_either(&self, tokens: &[Valid], request: &Request) -> Exchange {
        let now = self.clock.now();
        let mut valid = tokens.iter().filter(|token| token.at(now));
        let Some(first) = valid.next() else {
            return missing("it has no token", now);
        };
        let exchange = self
            .client
            .send(&self.account(&first.secret), request)
            .await
            .into();
        match valid.next() {
            Some(before) if is_refused(&exchange) => self
                .client
                .send(&self.account(&before.secret), request)
                .await
                .into(),
            _ => exchange,
        }
    }

    /// With a token of an app.
    async fn send_with(&self, token: &Token, request: &Request) -> Exchange {
        let mut exchange: Exchange = self
            .client
            .send(&self.account(&token.secret), request)
            .await
            .into();
        if let Came::Rejected(Refusal::Ghl(Rejection::MissingScope { of_app, .. })) = &mut exchange.outcome {
            *of_app = true;
        }
        exchange
    }

    fn account(&self, token: &SecretString) -> Account {
        Account {
            base_url: self.base_url.clone(),
            token: token.clone(),
            location_id: self.location_id.clone().unwrap_or_default(),
        }
    }

    fn without_token(&self, unavailable: Unavailable) -> Exchange {
        let outcome = match unavailable {
            Unavailable::NotYet(why) => Came::NotSent(why),
            Unavailable::Reconnect(why) => Came::Rejected(Refusal::Ghl(Rejection::Reconnect(why))),
        };
        Exchange::without_answer(outcome, self.clock.now())
    }
}

fn is_refused(exchange: &Exchange) -> bool {
    matches!(
        exchange.outcome,
        Came::Rejected(Refusal::Ghl(Rejection::InvalidToken(_)))
    )
}

fn not_sent(mut exchange: Exchange) -> Exchange {
    exchange.outcome = Came::NotSent("GHL refused its token before its time; it gets another one".into());
    exchange
}
