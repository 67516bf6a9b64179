//! What an automation stands on: the connections that its events come by and its steps go to, and their scopes.

use std::collections::BTreeSet;
use std::sync::Arc;

use cartlane_catalog::Catalog;
use cartlane_flow::Compiled;

use super::Finding;
use crate::connections::add_scopes;
use crate::directory::Target;
use crate::origins::Origins;
use crate::systems::Kind;
use crate::{AdminError, Handle};

/// What was found.
pub(super) struct Ground {
    /// The kinds of event that come by web hook.
    pub kinds: Vec<String>,
    /// The GHL connections that steps go to.
    pub accounts: Vec<Account>,
    pub findings: Vec<Finding>,
}

/// A GHL connection, and what the automation does there.
pub(super) struct Account {
    pub target: Arc<Target>,
    /// The steps that go to it.
    pub steps: BTreeSet<String>,
    /// The scopes that these need.
    scopes: BTreeSet<String>,
}

impl Account {
    /// Whether a step goes there, named as in the document or, with the rounds of its loops, as in a journal.
    pub fn has_step(&self, step: &str) -> bool {
        self.steps.contains(super::id_of(step))
    }
}

impl Handle {
    pub(super) async fn ground(&self, compiled: &Compiled) -> Result<Ground, AdminError> {
        let document = compiled.document();
        let kinds: Vec<String> = document.kinds().map(str::to_owned).collect();
        let directory = self.directory();
        let mut findings = Vec::new();
        if directory.sources_of(&kinds).next().is_none() && !kinds.is_empty() {
            findings.push(Finding::error(
                None,
                format!("no connection brings events of {}", kinds.join(", ")),
                "add the shop or the location (`cartlane connections add`)",
            ));
        }
        let present = self.automations.present();
        let origins = Origins::of(&directory, document, &present);
        for (operation, why) in &origins.unheard {
            findings.push(Finding::error(
                None,
                format!("`{operation}` cannot be polled: {why}"),
                "see `cartlane connections list`",
            ));
        }
        if (document.is_manual() || document.schedules().next().is_some()) && origins.found.is_empty() {
            findings.push(Finding::error(
                None,
                "there is no connection that it can act on",
                "add the location (`cartlane connections add`)",
            ));
        }
        let mut accounts: Vec<Account> = Vec::new();
        for (poll, id) in &origins.polled {
            let Some(target) = directory.target(*id) else {
                continue;
            };
            findings.extend(paused(target));
            if target.line.kind() == Kind::Ghl {
                let account = account_of(&mut accounts, Arc::clone(target));
                add_scopes(&poll.operation, &poll.with, &mut account.scopes);
            }
        }
        for (step, call) in document.calls() {
            let Some(operation) = Catalog::builtin().get(&call.operation) else {
                continue;
            };
            let kind = Kind::of(operation);
            for origin in &origins.found {
                let named = document.connection_of(call);
                let Some(target) = directory.target_of(kind, named, origin.connection) else {
                    findings.push(Finding::error(
                        Some(format!("steps.{step}")),
                        format!("for {} there is {}", origin.words, directory.missing(kind, named)),
                        "see `cartlane connections list`",
                    ));
                    continue;
                };
                findings.extend(paused(&target));
                if kind == Kind::Ghl {
                    let account = account_of(&mut accounts, target);
                    account.steps.insert(step.to_owned());
                    add_scopes(&call.operation, &call.with, &mut account.scopes);
                }
            }
        }
        findings.extend(self.scopes(&accounts).await?);
        Ok(Ground {
            kinds,
            accounts,
            findings,
        })
    }

    /// Scopes that are needed and not there, as far as that can be told.
    async fn scopes(&self, accounts: &[Account]) -> Result<Vec<Finding>, AdminError> {
        let health = self.connections_health().await?;
        let mut findings = Vec::new();
        for Account { target, scopes, .. } in accounts {
            let known = health.iter().find(|health| health.row.id == target.id);
            let held = known.and_then(|health| health.scopes.as_ref()?.held.clone());
            let refused = target.refused_scopes();
            let is_lacking = |scope: &&String| {
                refused.contains(*scope) || held.as_ref().is_some_and(|held| !held.contains(*scope))
            };
            let lacking: Vec<&str> = scopes.iter().filter(is_lacking).map(String::as_str).collect();
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

fn paused(target: &Target) -> Option<Finding> {
    let trouble = target.trouble()?;
    let message = format!("the connection `{}` is paused ({})", target.name, trouble.code);
    Some(Finding::error(None, message, trouble.reason))
}

fn account_of(accounts: &mut Vec<Account>, target: Arc<Target>) -> &mut Account {
    let place = accounts.iter().position(|known| known.target.id == target.id);
    let place = place.unwrap_or_else(|| {
        accounts.push(Account {
            target,
            steps: BTreeSet::new(),
            scopes: BTreeSet::new(),
        });
        accounts.len() - 1
    });
    &mut accounts[place]
}
