//! The recipes that are built in.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Choice, Recipe, Trial};

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../../recipes/", $name, "/recipe.toml")),
            include_str!(concat!("../../../../recipes/", $name, "/document.yaml")),
        )),*]
    };
}

/// Name, form and template of each, in the order in which they are shown.
const SOURCES: &[(&str, &str, &str)] = sources!(
    "create-and-sync-customers",
    "update-customers",
    "tags-and-notes",
    "welcome-series",
    "segmented-upsell",
    "lifecycle",
    "refund-clean-up",
    "dunning",
    "dunning-in-steps",
    "win-back",
    "abandoned-cart",
    "abandoned-cart-in-steps",
    "opportunity-per-order",
    "order-history",
    "customer-refresh",
    "customer-refresh-on-schedule",
    "affiliate-commission",
    "subscription-by-tag",
    "email-to-thrivecart",
    "booking-reminder",
    "booking-reminder-that-follows",
    "new-contact-to-slack",
    "vip",
    "vip-by-history",
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    title: String,
    description: String,
    #[serde(default)]
    choice: Vec<Choice>,
    #[serde(default)]
    test: Vec<Trial>,
}

/// All recipes, in the order in which they are shown.
pub fn recipes() -> &'static [Recipe] {
    static READ: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
        SOURCES
            .iter()
            .map(|(name, form, template)| read(name, form, template))
            .collect()
    });
    &READ
}

/// The recipe of this name.
pub fn recipe(name: &str) -> Option<&'static Recipe> {
    recipes().iter().find(|recipe| recipe.name == name)
}

fn read(name: &'static str, form: &str, template: &'static str) -> Recipe {
    let form: Form = toml::from_str(form)
        .unwrap_or_else(|error| panic!("the built-in recipe {name} is wrong, which a test forbids: {error}"));
    Recipe {
        name,
        title: form.title,
        description: form.description,
        choices: form.choice,
        tests: form.test,
        template,
    }
}
