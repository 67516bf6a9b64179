//! The list of data files that are compiled in, in the order in which their operations are shown.

use super::Source;
use crate::System;

macro_rules! ghl {
    ($name:literal) => {
        ghl!(
            $name,
            include_str!(concat!("../../../../catalog/ghl/overlay/", $name, ".toml"))
        )
    };
    ($name:literal, $overlay:expr) => {
        Source {
            name: $name,
            system: System::Ghl,
            directory: "ghl",
            facts: include_str!(concat!("../../../../catalog/ghl/generated/", $name, ".json")),
            overlay: $overlay,
            inputs: include_str!("../../../../catalog/ghl/inputs.toml"),
            single: None,
        }
    };
}

macro_rules! thrivecart {
    ($name:literal) => {
        Source {
            name: $name,
            system: System::ThriveCart,
            directory: "thrivecart",
            facts: "",
            overlay: include_str!(concat!("../../../../catalog/thrivecart/", $name, ".toml")),
            inputs: "",
            single: None,
        }
    };
}

macro_rules! single {
    ($system:ident, $directory:literal, $operation:literal, $name:literal) => {
        Source {
            name: $name,
            system: System::$system,
            directory: $directory,
            facts: "",
            overlay: include_str!(concat!("../../../../catalog/notify/", $name, ".toml")),
            inputs: "",
            single: Some($operation),
        }
    };
}

/// Every resource. Those with `""` are known by their facts alone.
pub(crate) static SOURCES: &[Source] = &[
    ghl!("contacts"),
    ghl!("calendars"),
    ghl!("opportunities"),
    ghl!("users"),
    ghl!("conversations"),
    ghl!("businesses"),
    ghl!("workflows"),
    ghl!("snapshots"),
    ghl!("campaigns"),
    ghl!("locations"),
    ghl!("companies"),
    ghl!("associations"),
    ghl!("blogs"),
    ghl!("ad-manager", ""),
    ghl!("affiliate-manager", ""),
    ghl!("agent-studio", ""),
    ghl!("brand-boards", ""),
    ghl!("conversation-ai", ""),
    ghl!("courses", ""),
    ghl!("custom-fields", ""),
    ghl!("custom-menus", ""),
    ghl!("email-isv", ""),
    ghl!("emails", ""),
    ghl!("forms"),
    ghl!("funnels", ""),
    ghl!("invoices", ""),
    ghl!("knowledge-base", ""),
    ghl!("links", ""),
    ghl!("marketplace", ""),
    ghl!("medias"),
    ghl!("oauth"),
    ghl!("objects", ""),
    ghl!("payments", ""),
    ghl!("phone-system", ""),
    ghl!("products", ""),
    ghl!("proposals", ""),
    ghl!("saas-api", ""),
    ghl!("social-media-posting"),
    ghl!("store", ""),
    ghl!("surveys", ""),
    ghl!("voice-ai", ""),
    thrivecart!("account"),
    thrivecart!("products"),
    thrivecart!("bumps"),
    thrivecart!("upsells"),
    thrivecart!("downsells"),
    thrivecart!("transactions"),
    thrivecart!("subscriptions"),
    thrivecart!("customers"),
    thrivecart!("affiliates"),
    thrivecart!("students"),
    thrivecart!("event-subscriptions"),
    single!(Notify, "notify", "slack", "slack"),
    single!(Notify, "notify", "email", "email"),
    single!(Http, "http", "request", "http"),
];
