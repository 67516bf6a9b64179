//! What the vendor's API description says of each operation: scopes, kinds of token, parameters, body, answer.
//!
//! These are the files that `catalog/ghl/generated` has, as they are: what the catalog corrects in them is the
//! client's business, not this double's.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use cartlane_catalog::{Catalog, Shape, System, Type};
use serde::Deserialize;

/// One operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Fact {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) token_kinds: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    pub(crate) success: Vec<u16>,
    /// The top of the answer; none where there is no schema.
    pub(crate) answer: Option<Answer>,
}

/// A parameter of path or query.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) r#in: String,
    #[serde(flatten)]
    pub(crate) shape: Shape,
}

/// A body.
#[derive(Debug, Deserialize)]
pub(crate) struct Body {
    /// The content type, where it isn't JSON.
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) fields: Vec<Shape>,
    /// What a body that is a list is made of.
    pub(crate) items: Option<Shape>,
}

/// The top of an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) r#type: Type,
    /// Keys; for a list those of its items.
    #[serde(default)]
    pub(crate) keys: BTreeMap<String, Type>,
}

#[derive(Deserialize)]
struct File {
    operations: Vec<Fact>,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(include_str!(concat!("../../../catalog/ghl/generated/", $name, ".json"))),*]
    };
}

/// All operations.
pub(crate) static FACTS: LazyLock<Vec<Fact>> = LazyLock::new(|| {
    let files = files![
        "ad-manager",
        "affiliate-manager",
        "agent-studio",
        "associations",
        "blogs",
        "brand-boards",
        "businesses",
        "calendars",
        "campaigns",
        "companies",
        "contacts",
        "conversation-ai",
        "conversations",
        "courses",
        "custom-fields",
        "custom-menus",
        "email-isv",
        "emails",
        "forms",
        "funnels",
        "invoices",
        "knowledge-base",
        "links",
        "locations",
        "marketplace",
        "medias",
        "oauth",
        "objects",
        "opportunities",
        "payments",
        "phone-system",
        "products",
        "proposals",
        "saas-api",
        "snapshots",
        "social-media-posting",
        "store",
        "surveys",
        "users",
        "voice-ai",
        "workflows",
    ];
    let read = |text| match serde_json::from_str::<File>(text) {
        Ok(file) => file.operations,
        Err(error) => panic!("catalog/ghl/generated is wrong, which a test forbids: {error}"),
    };
    files.into_iter().flat_map(read).collect()
});

impl Fact {
    /// The catalog's id of the operation.
    pub(crate) fn operation(&self) -> Option<&'static str> {
        static IDS: LazyLock<HashMap<(&str, &str), &str>> = LazyLock::new(|| {
            let operations = Catalog::builtin().operations();
            let operations = operations.filter(|operation| operation.system == System::Ghl);
            let id = |operation: &'static cartlane_catalog::Operation| {
                let endpoint = operation.endpoint()?;
                Some((
                    (endpoint.method.as_str(), endpoint.path.as_str()),
                    operation.id.as_str(),
                ))
            };
            operations.filter_map(id).collect()
        });
        IDS.get(&(self.method.as_str(), self.path.as_str())).copied()
    }

    /// The status of a success.
    pub(crate) fn status(&self) -> u16 {
        self.success.first().copied().unwrap_or(200)
    }

    /// The body's content type, where it isn't JSON.
    pub(crate) fn content(&self) -> Option<&str> {
        self.body.as_ref()?.content.as_deref()
    }
}
