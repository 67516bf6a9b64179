//! What is wrong with declarations: all faults at once.

use std::collections::BTreeSet;

use cartlane_model::{ExposeSecret, Problems};

use super::ConnectionConfig;
use super::build::address;
use crate::accounts::{AccountConfig, GhlConfig, ThriveCartConfig};
use crate::secrets::{SecretName, is_hook_key};

/// All faults of `checked`, among `all` connections that there will be.
pub(super) fn check<'c>(
    checked: impl Iterator<Item = &'c ConnectionConfig>,
    all: &[&ConnectionConfig],
    has_public_url: bool,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut names = BTreeSet::new();
    for config in checked {
        for (key, text) in config.account.addresses() {
            if let Err(faults) = address(&config.name, key, text) {
                problems.0.extend(faults.0);
            }
        }
        let mut fault =
            |key: &str, why: &str| problems.push(format!("connections.{}.{key}", config.name), why);
        if !is_name(&config.name) {
            fault(
                "name",
                "needs 1 to 60 letters, digits, spaces, - or _, and must not begin as an id does (`conn_`)",
            );
        }
        if !names.insert(&config.name) {
            fault("name", "two connections have this name; give each its own");
        }
        for name in config.secrets.names() {
            check_secret(config, name, &mut fault);
        }
        match &config.account {
            AccountConfig::ThriveCart(shop) => check_shop(shop, config, all, has_public_url, &mut fault),
            AccountConfig::Ghl(ghl) => check_ghl(ghl, config, all, has_public_url, &mut fault),
            AccountConfig::Slack(_) | AccountConfig::Smtp(_) | AccountConfig::Http(_) => {}
        }
    }
    problems.into_result(())
}

fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    (1..=60).contains(&name.chars().count())
        && name.chars().all(is_plain)
        && name.trim() == name
        && !name.starts_with("conn_")
}

fn check_secret(config: &ConnectionConfig, name: SecretName, fault: &mut impl FnMut(&str, &str)) {
    let kind = config.account.kind();
    if !config.account.secret_names().contains(&name) {
        fault(
            name.as_str(),
            &format!("a connection of kind {kind} has no such secret"),
        );
    }
    for valid in config.secrets.all(name) {
        if valid.secret.expose_secret().trim().is_empty() {
            fault(
                name.as_str(),
                &format!("is empty; copy it from {}", name.whence()),
            );
        } else if name == SecretName::HookKey && !is_hook_key(&valid.secret) {
            fault(name.as_str(), &format!("needs {}", name.whence()));
        }
    }
}

fn check_shop(
    shop: &ThriveCartConfig,
    config: &ConnectionConfig,
    all: &[&ConnectionConfig],
    has_public_url: bool,
    fault: &mut impl FnMut(&str, &str),
) {
    let is_location = |other: &&&ConnectionConfig| matches!(&other.account, AccountConfig::Ghl(ghl) if ghl.location_id.is_some());
    if let Some(name) = &shop.target
        && !all.iter().filter(is_location).any(|other| other.name == *name)
    {
        fault(
            "target",
            &format!("there is no connection `{name}` of kind ghl with a location_id"),
        );
    }
    if shop.client_id.is_some() && !has_public_url {
        fault("client_id", &needs_public_url("thrivecart"));
    }
    if shop.client_id.is_some() && config.secrets.has(SecretName::ApiKey) {
        fault("api_key", "give either an API key or a client_id");
    }
}

fn check_ghl(
    ghl: &GhlConfig,
    config: &ConnectionConfig,
    all: &[&ConnectionConfig],
    has_public_url: bool,
    fault: &mut impl FnMut(&str, &str),
) {
    if ghl.location_id.is_none() && ghl.company_id.is_none() {
        fault(
            "location_id",
            "is missing; GoHighLevel shows it under Settings > Business Profile (an agency has a company_id instead)",
        );
    }
    if let Some(name) = &ghl.agency {
        let agency = all.iter().find(|other| other.name == *name);
        let is_agency = agency.is_some_and(|other| {
            matches!(&other.account, AccountConfig::Ghl(ghl) if ghl.location_id.is_none() && ghl.client_id.is_some())
        });
        if !is_agency {
            fault(
                "agency",
                &format!("there is no connection `{name}` of kind ghl with a company_id and a client_id"),
            );
        }
        if ghl.location_id.is_none() {
            fault(
                "agency",
                "only a location gets its tokens from an agency; give it a location_id",
            );
        }
    }
    let ways = [
        ghl.agency.is_some(),
        ghl.client_id.is_some(),
        config.secrets.has(SecretName::Token),
    ];
    if ways.iter().filter(|way| **way).count() > 1 {
        fault(
            "token",
            "give either a token, or a client_id, or the agency whose app it is",
        );
    }
    if ghl.client_id.is_some() && !has_public_url {
        fault("client_id", &needs_public_url("ghl"));
    }
}

fn needs_public_url(vendor: &str) -> String {
    format!(
        "needs `public_url` at the top of the configuration: the address at which this server is reached, such as \
         https://cartlane.example.com; your app's redirect URL is that with /oauth/{vendor}/callback"
    )
}
