//! The program as people and other machines meet it: the real binary, in processes of its own, against the sandbox.
//!
//! Every test has a [`common::House`]: a temporary directory, a sandbox of GHL and a server, all on 127.0.0.1 on ports
//! that were free, all ended when it is dropped. `clock` alone runs the engine in its own process, since nobody can
//! move another process's clock.

mod cli;
mod clock;
mod common;
mod disk_full;
mod durable;
mod ghl_hooks;
mod late_database;
mod payloads;
mod secrets;
mod slow_senders;
