//! Products: what a rule can name.

use axum::Json;
use axum::extract::{Query, State};
use cartlane_engine::Handle;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Problem;

/// Of which shop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductQuery {
    connection: Option<String>,
}

/// Lists the items that events were about and that shops sell.
pub async fn list_products(
    State(engine): State<Handle>,
    Query(query): Query<ProductQuery>,
) -> Result<Json<Value>, Problem> {
    let found = engine.products(query.connection.as_deref()).await?;
    let out = found.products.iter().map(|product| {
        let mut out = json!(product);
        out["last_seen_at"] = json!(product.last_seen_at.map(|at| at.to_string()));
        out
    });
    Ok(Json(
        json!({"products": out.collect::<Vec<_>>(), "warnings": found.warnings}),
    ))
}
