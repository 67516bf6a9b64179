//! What there is to choose from where a rule asks for a product: the items that events were about, and what the shops say
//! they sell.

use std::collections::BTreeMap;

use cartlane_model::UnixMs;
use cartlane_store::items;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::admin::AdminError;
use crate::systems::Kind;
use crate::{Handle, MAIN_WORKSPACE};

/// The lists of a shop: the item's type, and the operation.
const LISTS: [(&str, &str); 4] = [
    ("product", "thrivecart.products.list"),
    ("bump", "thrivecart.bumps.list"),
    ("upsell", "thrivecart.upsells.list"),
    ("downsell", "thrivecart.downsells.list"),
];

/// An item that a rule can name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Product {
    /// The shop's connection.
    pub connection: String,
    /// `product-12`: what a rule's cell takes.
    pub key: String,
    /// What people call it.
    pub name: Option<String>,
    /// How many events were about it.
    pub events: i64,
    /// When the last of them came in.
    pub last_seen_at: Option<UnixMs>,
    /// Whether the shop sells it; none where the shop was not asked.
    pub in_shop: Option<bool>,
}

/// All that there is to choose from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Products {
    /// The items, by connection and key.
    pub products: Vec<Product>,
    /// Shops that could not be asked, and why.
    pub warnings: Vec<String>,
}

type Found = BTreeMap<(String, String), Product>;

impl Handle {
    /// The items of all shops, or of the one of this name: those that events were about and those that a shop with an
    /// API key sells.
    pub async fn products(&self, connection: Option<&str>) -> Result<Products, AdminError> {
        let is_wanted = |name: &str| connection.is_none_or(|wanted| wanted == name);
        let mut found = Found::new();
        for item in self.db.read(|tx| items::seen(tx, MAIN_WORKSPACE)).await? {
            let directory = self.directory();
            let source = directory.source(item.connection_id);
            let name = source.map_or_else(|| item.connection_id.to_string(), |source| source.name.clone());
            if is_wanted(&name) {
                let product = found
                    .entry((name.clone(), item.key.clone()))
                    .or_insert_with(|| new(&name, &item.key));
                product.name = item.name;
                product.events = item.events;
                product.last_seen_at = Some(item.last_seen_at);
            }
        }
        let directory = self.directory();
        let shops = directory
            .targets()
            .filter(|target| target.line.kind() == Kind::ThriveCart);
        let shops: Vec<String> = shops
            .map(|target| target.name.clone())
            .filter(|name| is_wanted(name))
            .collect();
        let mut warnings = Vec::new();
        for shop in shops {
            if let Err(error) = self.add_sold(&shop, &mut found).await {
                warnings.push(format!("what `{shop}` sells was not read: {error}"));
            }
        }
        Ok(Products {
            products: found.into_values().collect(),
            warnings,
        })
    }

    /// Adds what a shop says it sells.
    async fn add_sold(&self, shop: &str, found: &mut Found) -> Result<(), crate::CallError> {
        let mut sold = Vec::new();
        for (item_type, operation) in LISTS {
            let output = self.executor().call(shop, operation, &json!({})).await?;
            let items = output.value.as_array().cloned().unwrap_or_default();
            sold.extend(items.into_iter().filter_map(|item| {
                let id = text(&item[format!("{item_type}_id")])?;
                let name = text(&item["name"]).or_else(|| text(&item[format!("{item_type}_name")]));
                Some((format!("{item_type}-{id}"), name))
            }));
        }
        let of_shop = found.iter_mut().filter(|((name, _), _)| name == shop);
        of_shop.for_each(|(_, product)| product.in_shop = Some(false));
        for (key, name) in sold {
            let product = found
                .entry((shop.to_owned(), key.clone()))
                .or_insert_with(|| new(shop, &key));
            product.in_shop = Some(true);
            product.name = name.or(product.name.take());
        }
        Ok(())
    }
}

fn new(connection: &str, key: &str) -> Product {
    Product {
        connection: connection.to_owned(),
        key: key.to_owned(),
        name: None,
        events: 0,
        last_seen_at: None,
        in_shop: None,
    }
}

/// Ids come as texts or as numbers.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
