//! The automations that a new installation begins with. They are documents like any other: read, change, remove them.

/// File name and YAML of each, in the order in which they run on an event.
static DEFAULTS: [(&str, &str); 7] = [
    (
        "10-sync-customers.yaml",
        include_str!("../defaults/10-sync-customers.yaml"),
    ),
    ("20-refunds.yaml", include_str!("../defaults/20-refunds.yaml")),
    (
        "30-subscription-payments.yaml",
        include_str!("../defaults/30-subscription-payments.yaml"),
    ),
    (
        "40-failed-payments.yaml",
        include_str!("../defaults/40-failed-payments.yaml"),
    ),
    (
        "50-cancel-pause-resume.yaml",
        include_str!("../defaults/50-cancel-pause-resume.yaml"),
    ),
    (
        "60-abandoned-carts.yaml",
        include_str!("../defaults/60-abandoned-carts.yaml"),
    ),
    (
        "70-email-changed.yaml",
        include_str!("../defaults/70-email-changed.yaml"),
    ),
];

/// File name and YAML of each default automation, in the order in which they run on an event.
pub fn defaults() -> &'static [(&'static str, &'static str)] {
    &DEFAULTS
}
