//! The engine through the doors of the house: deliveries come in over HTTP, and the GHL sandbox tells what came of them.

mod agencies;
mod connections;
mod contacts;
mod crashes;
mod errors;
mod executor;
mod ghl_hooks;
mod golive;
mod history;
mod intake;
mod language;
mod limits;
mod listed;
mod oauth;
mod order;
mod plans;
mod products;
mod sales;
mod schedules;
mod shop_oauth;
mod stopping;
mod trial;
mod trouble;
mod unclear;
mod versions;
mod workspaces;
