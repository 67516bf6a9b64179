//! What an automation stands on: the connections that its events come by and its steps go to, and their scopes.

use std::collections::BTreeSet;
use std::sync::Arc;

use cartlane_catalog::Catalog;
use cartlane_flow::Compiled;
use cartlane_model::ConnectionId;

use super::{Finding, steps};
use crate::connections::add_scopes;
use crate::directory::Target;
use crate::polls::asked;
use crate::schedules::connection_of;
use crate::source::{Sender, Source};
use crate::systems::Kind;
use crate::{AdminError, Handle};

/// What was found.
pub(super) struct Ground {
    /// The kinds of event that come by web hook.
    pub kinds: Vec<String>,
    /// The GHL locations that steps go to.
    pub locations: Vec<Arc<Target>>,
    pub findings: Vec<Finding>,
}

impl Handle {
    pub(super) async fn ground(&self, compiled: &Compiled) -> Result<Ground, AdminError> {
        let document = compiled.document();
        let kinds: Vec<String> = document.kinds().map(str::to_owned).collect();
        let directory = self.directory();
        let brings = |source: &&Arc<Source>| {
            let sender = |kind: &str| match kind.starts_with("ghl.") {
                true => Sender::Ghl,
                false => Sender::ThriveCart,
            };
            kinds.iter().any(|kind| source.is_of(sender(kind)))
        };
        let sources: Vec<&Arc<Source>> = directory.sources().filter(brings).collect();
        let mut findings = Vec::new();
        if sources.is_empty() && !kinds.is_empty() {
            findings.push(Finding::error(
                None,
                format!("no connection brings events of {}", kinds.join(", ")),
                "add the shop or the location (`cartlane connections add`)",
            ));
        }
        let mut origins: Vec<(String, ConnectionId)> = sources
            .iter()
            .map(|source| (format!("events of `{}`", source.name), source.id))
            .collect();
        let connection = document.connection.as_deref();
        for poll in document.polls() {
            match asked(&directory, poll, connection) {
                Ok((target, _)) => origins.push((format!("polls of `{}`", target.name), target.id)),
                Err(why) => findings.push(Finding::error(
                    None,
                    format!("`{}` cannot be polled: {why}", poll.operation),
                    "see `cartlane connections list`",
                )),
            }
        }
        if document.is_manual() || document.schedules().next().is_some() {
            let origin = connection_of(&directory, connection);
            origins.extend(origin.map(|id| ("starts by time or by hand".to_owned(), id)));
        }
        let json = document.to_json();
        let (mut locations, mut needed): (Vec<Arc<Target>>, BTreeSet<String>) = Default::default();
        for (step, value) in steps(&json) {
            let id = value["operation"].as_str().unwrap_or_default();
            let Some(operation) = Catalog::builtin().get(id) else {
                continue;
            };
            let kind = Kind::of(operation);
            if kind == Kind::Ghl {
                add_scopes(id, &mut needed);
            }
            let named = value["connection"].as_str().or(document.connection.as_deref());
            for (origin, id) in &origins {
                let Some(target) = directory.target_of(kind, named, *id) else {
                    findings.push(Finding::error(
                        Some(format!("steps.{step}")),
                        format!("for {origin} there is {}", kind.missing()),
                        "see `cartlane connections list`",
                    ));
                    continue;
                };
                if let Some(trouble) = target.trouble() {
                    findings.push(Finding::error(
                        None,
                        format!("the connection `{}` is paused ({})", target.name, trouble.code),
                        trouble.reason,
                    ));
                }
                if kind == Kind::Ghl && locations.iter().all(|known| known.id != target.id) {
                    locations.push(target);
                }
            }
        }
        findings.extend(self.scopes(&locations, &needed).await?);
        Ok(Ground {
            kinds,
            locations,
            findings,
        })
    }

    /// Scopes that are needed and not there, as far as that can be told.
    async fn scopes(
        &self,
        locations: &[Arc<Target>],
        needed: &BTreeSet<String>,
    ) -> Result<Vec<Finding>, AdminError> {
        let health = self.connections_health().await?;
        let mut findings = Vec::new();
        for target in locations {
            let known = health.iter().find(|health| health.row.id == target.id);
            let held = known.and_then(|health| health.scopes.as_ref()?.held.clone());
            let refused = target.refused_scopes();
            let is_lacking = |scope: &&String| {
                refused.contains(*scope) || held.as_ref().is_some_and(|held| !held.contains(*scope))
            };
            let lacking: Vec<&str> = needed.iter().filter(is_lacking).map(String::as_str).collect();
            if !lacking.is_empty() {
                let advice = match target.line.app_tokens() {
                    Some(_) => "add them in GoHighLevel and under `scopes`, and authorize it again",
                    None => "add them in GoHighLevel to its private integration",
                };
                let message = format!(
                    "the connection `{}` lacks scopes: {}",
                    target.name,
                    lacking.join(", ")
                );
                findings.push(Finding::error(None, message, advice));
            }
        }
        Ok(findings)
    }
}
