//! E-mail by SMTP, one connection for each.
//!
//! The dialogue is taken step by step, because it matters where it breaks: before the last line of the message has gone
//! out no server delivers anything; after that a silence is unclear.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cartlane_model::{Clock, ExposeSecret, SecretString};
use cartlane_outbound::{Exchange, Outcome, Refusal, Rejection, is_private};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::{Message, message::SinglePart};
use serde_json::{Value, json};

/// More recipients than this in one e-mail are refused.
const MOST_RECIPIENTS: usize = 50;

/// How the line to the server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte, as on port 465.
    Implicit,
    /// By STARTTLS, as on port 587; a server that does not offer it gets nothing.
    #[default]
    Starttls,
    /// Not at all: for a server on this machine.
    None,
}

/// A mail server and how to send by it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name; its certificate must be of that name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the line is protected.
    pub tls: Tls,
    /// The name to sign in with; `None` where the server asks for none.
    pub username: Option<String>,
    /// The password that belongs to it.
    pub password: Option<SecretString>,
    /// The sender, `Cartlane <cartlane@example.com>`.
    pub from: String,
    /// Whether it may be on this machine or in a private network.
    pub allow_private_networks: bool,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The sender is no address.
    #[error("`{0}` is no e-mail address; write `name@example.com` or `Name <name@example.com>`")]
    From(String),
    /// The name is none that a certificate could have, or the system's certificates cannot be read.
    #[error("TLS cannot be set up for `{host}`: {why}")]
    Tls {
        /// The server's name.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// A password would go out in the open.
    #[error("a username needs `tls`: without it the password would be readable on the way")]
    OpenPassword,
}

/// Sends by one server. Cheap to clone.
#[derive(Clone)]
pub struct Mail {
    server: Arc<Server>,
    from: Mailbox,
    tls: Option<TlsParameters>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Mail {
    /// A sender by this server; the whole dialogue must end within `timeout_ms`.
    pub fn new(server: Server, timeout_ms: u64, clock: Arc<dyn Clock>) -> Result<Self, MailError> {
        let from = server
            .from
            .parse()
            .map_err(|_| MailError::From(server.from.clone()))?;
        let tls = match server.tls {
            Tls::None if server.username.is_some() => return Err(MailError::OpenPassword),
            Tls::None => None,
            Tls::Implicit | Tls::Starttls => {
                let parameters = TlsParameters::new(server.host.clone());
                Some(parameters.map_err(|error| MailError::Tls {
                    host: server.host.clone(),
                    why: error.to_string(),
                })?)
            }
        };
        Ok(Self {
            server: Arc::new(server),
            from,
            tls,
            timeout: Duration::from_millis(timeout_ms),
            clock,
        })
    }

    /// Sends the e-mail that the inputs describe, once.
    pub async fn send(&self, inputs: &Value) -> Exchange {
        let sent_at = self.clock.now();
        let came = match self.message(inputs) {
            Ok(message) => self.deliver(&message).await,
            Err(why) => Err(Broken::Wrong(why)),
        };
        let (outcome, status, body) = match came {
            Ok(answer) => {
                let said = answer.message().collect::<Vec<_>>().join(" ");
                let code: u16 = answer.code().into();
                (
                    Outcome::Success(json!({"answer": said})),
                    Some(code),
                    Some(Value::from(said)),
                )
            }
            Err(broken) => (broken.outcome(), broken.status(), None),
        };
        Exchange {
            outcome,
            status,
            body,
            ..Exchange::nothing(sent_at, self.clock.now())
        }
    }

    /// Connects, signs in and leaves again: whether the server would take an e-mail.
    pub async fn check(&self) -> Exchange {
        let sent_at = self.clock.now();
        let came = match self.address().await {
            Ok(address) => match tokio::time::timeout(self.timeout, Box::pin(self.sign_in(address))).await {
                Ok(Ok(mut connection)) => {
                    drop(tokio::time::timeout(Duration::from_secs(1), connection.quit()).await);
                    Ok(())
                }
                Ok(Err(broken)) => Err(broken),
                Err(_) => Err(Broken::Before("no answer in time".into())),
            },
            Err(broken) => Err(broken),
        };
        Exchange {
            outcome: came.map_or_else(|broken| broken.outcome(), |()| Outcome::Success(Value::Null)),
            ..Exchange::nothing(sent_at, self.clock.now())
        }
    }

    fn message(&self, inputs: &Value) -> Result<Message, String> {
        let text = |name: &str| inputs[name].as_str();
        let mailbox = |address: &str| {
            let parsed: Result<Mailbox, _> = address.trim().parse();
            parsed.map_err(|_| format!("`{address}` is no e-mail address"))
        };
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(text("subject").unwrap_or_default());
        let to: Vec<&str> = match &inputs["to"] {
            Value::Array(addresses) => addresses.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        if to.is_empty() || to.len() > MOST_RECIPIENTS {
            return Err(format!(
                "`to` has {} addresses, must have 1 to {MOST_RECIPIENTS}",
                to.len()
            ));
        }
        for address in to {
            message = message.to(mailbox(address)?);
        }
        if let Some(address) = text("reply_to") {
            message = message.reply_to(mailbox(address)?);
        }
        let plain = text("text").unwrap_or_default().to_owned();
        let built = match text("html") {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(plain, html.to_owned())),
            None => message.singlepart(SinglePart::plain(plain)),
        };
        built.map_err(|error| error.to_string())
    }

    async fn deliver(
        &self,
        message: &Message,
    ) -> Result<lettre::transport::smtp::response::Response, Broken> {
        let address = self.address().await?;
        let bytes = message.formatted();
        let opening = self.open(address, message, &bytes);
        let mut connection = match tokio::time::timeout(self.timeout, Box::pin(opening)).await {
            Ok(opened) => opened?,
            Err(_) => return Err(Broken::Before("no answer in time".into())),
        };
        // From here on the server may deliver it.
        let answer = match tokio::time::timeout(self.timeout, connection.message(&bytes)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.status().is_some() => return Err(Broken::said(&error)),
            Ok(Err(error)) => return Err(Broken::After(error.to_string())),
            Err(_) => return Err(Broken::After("no answer in time".into())),
        };
        // It is delivered already: how the farewell goes does not matter.
        drop(tokio::time::timeout(Duration::from_secs(1), connection.quit()).await);
        Ok(answer)
    }

    /// Connects and signs in.
    async fn sign_in(&self, address: SocketAddr) -> Result<AsyncSmtpConnection, Broken> {
        let hello = ClientId::default();
        let implicit = self.tls.clone().filter(|_| self.server.tls == Tls::Implicit);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &hello, implicit, None).await?;
        if let Some(tls) = self.tls.clone().filter(|_| self.server.tls == Tls::Starttls) {
            connection.starttls(tls, &hello).await?;
        }
        if let (Some(username), Some(password)) = (&self.server.username, &self.server.password) {
            let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
            let signed_in = connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await;
            signed_in.map_err(|error| match Broken::said(&error) {
                Broken::Refused(code, said) => Broken::SignIn(code, said),
                other => other,
            })?;
        }
        Ok(connection)
    }

    /// Signs in, and names sender and recipients.
    async fn open(
        &self,
        address: SocketAddr,
        message: &Message,
        bytes: &[u8],
    ) -> Result<AsyncSmtpConnection, Broken> {
        let mut connection = self.sign_in(address).await?;
        let envelope = message.envelope();
        let mut parameters = Vec::new();
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses
            .into_iter()
            .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
        {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !bytes.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        connection
            .command(MailFrom::new(envelope.from().cloned(), parameters))
            .await?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
        }
        connection.command(Data).await?;
        Ok(connection)
    }

    /// The server's address; one of the public internet, unless others are allowed.
    async fn address(&self) -> Result<SocketAddr, Broken> {
        let Server { host, port, .. } = &*self.server;
        let mut found = tokio::net::lookup_host((host.as_str(), *port))
            .await
            .map_err(|error| Broken::Before(format!("`{host}`: {error}")))?;
        found
            .find(|address| self.server.allow_private_networks || !is_private(address.ip()))
            .ok_or_else(|| {
                Broken::Before(format!(
                    "`{host}` is in a private network; set allow_private_networks where that is meant"
                ))
            })
    }
}

/// Where a dialogue broke.
enum Broken {
    /// The inputs make no e-mail.
    Wrong(String),
    /// Before the message was out.
    Before(String),
    /// The server does not take the name and password.
    SignIn(u16, String),
    /// The server said no, for good or for now.
    Refused(u16, String),
    /// After the message was out, and without a word.
    After(String),
}

impl From<SmtpError> for Broken {
    fn from(error: SmtpError) -> Self {
        Self::said(&error)
    }
}

impl Broken {
    fn said(error: &SmtpError) -> Self {
        match error.status() {
            Some(code) => Self::Refused(code.into(), error.to_string()),
            None => Self::Before(error.to_string()),
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::SignIn(code, _) | Self::Refused(code, _) => Some(*code),
            _ => None,
        }
    }

    fn outcome(&self) -> Outcome {
        let rejected = |code, message: &String, remedy, refusal| {
            Outcome::Rejected(Rejection {
                code,
                message: message.clone(),
                remedy,
                refusal,
            })
        };
        match self {
            // 4xx: not now, and nothing was taken.
            Self::Before(why) | Self::Refused(400..=499, why) => Outcome::NotSent(why.clone()),
            Self::After(why) => Outcome::Unclear(why.clone()),
            Self::SignIn(_, why) => rejected(
                "smtp.sign_in",
                why,
                "Check username and password of this connection.",
                Refusal::Connection,
            ),
            Self::Refused(_, why) => rejected(
                "smtp.refused",
                why,
                "Check the addresses, and whether the server lets this connection send from its `from`.",
                Refusal::Invalid,
            ),
            Self::Wrong(why) => rejected(
                "smtp.invalid",
                why,
                "Change the inputs accordingly and try again.",
                Refusal::Invalid,
            ),
        }
    }
}
