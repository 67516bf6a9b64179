//! The sandbox through its front door: GHL's quirks and the injected faults as a client on the wire meets them.

mod accounts;
mod appointments;
mod associations;
mod auth;
mod blogs;
mod calendar_events;
mod calendars;
mod client;
mod contacts;
mod controls;
mod conversations;
mod examples;
mod faults;
mod limits;
mod messages;
mod oauth;
mod opportunities;
mod resources;
mod search;
mod tags_and_notes;
mod webhooks;
