//! Administration: what the command line asks and tells. Listens on a socket in the data directory only.

mod audit;
mod automations;
mod caller;
mod connections;
mod events;
mod health;
mod operations;
mod plans;
mod polls;
mod products;
mod quarantine;
mod runs;
mod versions;
mod workspace;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, patch, post};
use cartlane_engine::Handle;

/// Rows of a list unless asked otherwise.
pub(crate) const ROWS: i64 = 50;
/// Rows of a list at the most.
pub(crate) const MOST_ROWS: i64 = 1000;

/// The most bytes of a workspace that is imported.
const WORKSPACE_BYTES: usize = 64 * 1024 * 1024;

pub use caller::ACTOR;

/// The routes.
pub fn router(engine: Handle) -> Router {
    Router::new()
        .route("/api/health", get(health::read_health))
        .route("/api/events", get(events::list_events))
        .route("/api/events/replay", post(events::replay_events))
        .route("/api/events/kinds", get(events::list_kinds))
        .route("/api/events/kinds/{kind}", get(events::read_kind))
        .route("/api/events/{id}", get(events::read_event))
        .route("/api/runs", get(runs::list_runs))
        .route("/api/runs/{id}", get(runs::read_run))
        .route("/api/runs/retry", post(runs::retry_runs))
        .route("/api/runs/{id}/retry", post(runs::retry_run))
        .route("/api/runs/{id}/replay", post(runs::replay_run))
        .route(
            "/api/automations",
            get(automations::list_automations).post(automations::apply_automations),
        )
        .route("/api/automations/trial", post(automations::try_automation))
        .route(
            "/api/automations/{id}",
            patch(automations::update_automation).delete(automations::remove_automation),
        )
        .route("/api/automations/{id}/check", get(automations::check_automation))
        .route("/api/automations/{id}/versions", get(versions::list_versions))
        .route(
            "/api/automations/{id}/versions/{version}",
            get(versions::read_version),
        )
        .route("/api/automations/{id}/diff", get(versions::diff_versions))
        .route("/api/automations/{id}/rollback", post(versions::roll_back))
        .route(
            "/api/automations/{id}/duplicate",
            post(versions::duplicate_automation),
        )
        .route("/api/audit", get(audit::list_audit))
        .route(
            "/api/workspace",
            get(workspace::export_workspace)
                .post(workspace::import_workspace)
                .layer(DefaultBodyLimit::max(WORKSPACE_BYTES)),
        )
        .route("/api/automations/{id}/run", post(automations::run_automation))
        .route("/api/polls", get(polls::list_polls))
        .route("/api/polls/price", post(polls::price_polls))
        .route("/api/events/{id}/plan", get(plans::plan_event))
        .route("/api/plan", post(plans::plan_automation))
        .route("/api/backtest", post(plans::backtest_automation))
        .route("/api/quarantine", get(quarantine::list_quarantine))
        .route(
            "/api/quarantine/{id}/release",
            post(quarantine::release_quarantine),
        )
        .route("/api/connections", post(connections::add_connection))
        .route("/api/connections/{name}", delete(connections::remove_connection))
        .route(
            "/api/connections/{name}/secrets/{secret}",
            post(connections::rotate_secret),
        )
        .route(
            "/api/connections/{name}/locations",
            get(connections::list_locations),
        )
        .route(
            "/api/connections/{name}/reauthorize",
            post(connections::reauthorize_connection),
        )
        .route("/api/connections/{name}/test", post(connections::test_connection))
        .route(
            "/api/operations/{id}/call",
            post(operations::call_operation).layer(DefaultBodyLimit::max(operations::CALL_BYTES)),
        )
        .route("/api/products", get(products::list_products))
        .route("/api/choices/{list}", get(operations::list_choices))
        .with_state(engine)
}

pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T, crate::Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        crate::Problem::new(
            axum::http::StatusCode::BAD_REQUEST,
            "http.bad_id",
            error.to_string(),
        )
    })
}
