//! Where the events that start an automation come from: for each of its triggers, the connections that they belong to.

use cartlane_flow::{Document, on};
use cartlane_model::ConnectionId;

use crate::automations::Loaded;
use crate::directory::Directory;
use crate::polls::asked;
use crate::schedules::connection_of;

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// In words: "events of `shop`".
    pub words: String,
    /// The connection that they belong to.
    pub connection: ConnectionId,
}

/// The origins of an automation.
#[derive(Default)]
pub(crate) struct Origins<'d> {
    pub found: Vec<Origin>,
    /// Its polls, each with the connection that is asked.
    pub polled: Vec<(&'d on::Poll, ConnectionId)>,
    /// Polls that no connection can do, and why.
    pub unheard: Vec<(String, &'static str)>,
}

impl<'d> Origins<'d> {
    /// The origins of `document`; those of automations whose end starts it are looked up in `all`.
    pub fn of(directory: &Directory, document: &'d Document, all: &'d [Loaded]) -> Self {
        let mut origins = Self::default();
        origins.add_own(directory, document);
        let mut names: Vec<&str> = names_before(document).collect();
        let mut next = 0;
        while let Some(name) = names.get(next) {
            next += 1;
            let before = all.iter().find(|loaded| loaded.row.name == *name);
            let Some(before) = before.map(|loaded| loaded.compiled.document()) else {
                continue;
            };
            let mut of_it = Self::default();
            of_it.add_own(directory, before);
            origins.found.extend(of_it.found);
            for name in names_before(before) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        origins.found.dedup();
        origins
    }

    fn add_own(&mut self, directory: &Directory, document: &'d Document) {
        let kinds: Vec<String> = document.kinds().map(str::to_owned).collect();
        let sources = directory.sources_of(&kinds);
        self.found.extend(sources.map(|source| Origin {
            words: format!("events of `{}`", source.name),
            connection: source.id,
        }));
        let connection = document.connection.as_deref();
        for poll in document.polls() {
            match asked(directory, poll, connection) {
                Ok((target, _)) => {
                    self.polled.push((poll, target.id));
                    self.found.push(Origin {
                        words: format!("polls of `{}`", target.name),
                        connection: target.id,
                    });
                }
                Err(why) => self.unheard.push((poll.operation.clone(), why)),
            }
        }
        if document.is_manual() || document.schedules().next().is_some() {
            let usual = connection_of(directory, connection);
            self.found.extend(usual.map(|connection| Origin {
                words: "starts by time or by hand".to_owned(),
                connection,
            }));
        }
    }
}

fn names_before(document: &Document) -> impl Iterator<Item = &str> {
    document.outcomes().map(|on::Outcome { name, .. }| name.as_str())
}
