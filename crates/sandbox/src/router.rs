//! Which operation a method and a path mean: one with a handler, or one that is known by its facts alone.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::accounts::{self, AccountRoute};
use crate::facts::{FACTS, Fact};
use crate::routes::{self, Route};
use crate::{
    associations, blogs, bulk, businesses, calendars, conversations, membership, oauth, opportunities, tasks,
};

/// What does an operation.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// A handler of one location's things.
    Location(&'static Route),
    /// A handler that sees the whole scene.
    Account(&'static AccountRoute),
    /// No handler: the request is checked, and answered by an example.
    Facts(&'static Fact),
}

/// One operation, with its facts where the vendor's files have it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) fact: Option<&'static Fact>,
    template: &'static str,
}

impl Place {
    /// Its id in the catalog.
    pub(crate) fn operation(&self) -> Option<&'static str> {
        match self.target {
            Target::Location(route) => Some(route.operation),
            Target::Account(route) => Some(route.operation),
            Target::Facts(fact) => fact.operation(),
        }
    }

    /// The scopes that a token needs, all of them.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &'static str> {
        let own = match self.target {
            Target::Location(route) => Some(route.scope),
            Target::Account(route) => Some(route.scope),
            Target::Facts(_) => None,
        };
        let facts = self.fact.map_or(&[][..], |fact| fact.scopes.as_slice());
        let own = own.filter(|scope| facts.is_empty() && !scope.is_empty());
        facts.iter().map(String::as_str).chain(own)
    }

    /// Whether it takes neither token nor version.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.target, Target::Account(route) if route.open)
    }
}

/// By method and number of segments.
type Table<'a> = HashMap<(&'a str, usize), Vec<Place>>;

static TABLE: LazyLock<Table<'static>> = LazyLock::new(|| {
    let mut facts: HashMap<(&str, String), &'static Fact> = FACTS
        .iter()
        .map(|fact| ((fact.method.as_str(), nameless(&fact.path)), fact))
        .collect();
    let mut table = Table::new();
    let mut add = |method: &'static str, place: Place| {
        let key = (method, place.template.split('/').count());
        table.entry(key).or_default().push(place);
    };
    for route in routes::all() {
        let fact = facts.remove(&(route.method, nameless(route.path)));
        add(
            route.method,
            Place {
                target: Target::Location(route),
                fact,
                template: route.path,
            },
        );
    }
    for route in scenes() {
        let fact = facts.remove(&(route.method, nameless(route.path)));
        add(
            route.method,
            Place {
                target: Target::Account(route),
                fact,
                template: route.path,
            },
        );
    }
    for fact in facts.into_values() {
        add(
            &fact.method,
            Place {
                target: Target::Facts(fact),
                fact: Some(fact),
                template: &fact.path,
            },
        );
    }
    for places in table.values_mut() {
        // Literal segments go before parameters, whichever stands further left counting more.
        places.sort_by_key(|place| {
            let parameters: Vec<bool> = place.template.split('/').map(is_parameter).collect();
            (parameters, place.template)
        });
    }
    table
});

/// Reads the table now, so that no request has to wait for it.
pub(crate) fn prepare() {
    LazyLock::force(&TABLE);
}

/// The ids of operations that have a handler.
pub(crate) fn handled() -> impl Iterator<Item = &'static str> {
    let own = routes::all().map(|route| route.operation);
    own.chain(scenes().map(|route| route.operation))
}

/// The operations whose handlers see the whole scene.
fn scenes() -> impl Iterator<Item = &'static AccountRoute> {
    let modules: [&[AccountRoute]; _] = [
        accounts::ROUTES,
        oauth::ROUTES,
        conversations::ROUTES,
        blogs::ROUTES,
        tasks::ROUTES,
        membership::ROUTES,
        bulk::ROUTES,
        businesses::ROUTES,
        opportunities::ROUTES,
        associations::ROUTES,
        calendars::ROUTES,
    ];
    modules.into_iter().flatten()
}

/// The operation at `method` and `path`, with the path's parameters decoded.
pub(crate) fn find(method: &str, path: &str) -> Option<(Place, Vec<String>)> {
    search(method, path, |wanted, segment| wanted == segment)
}

/// Whether only the letter case of `path` is wrong.
pub(crate) fn is_miscased(method: &str, path: &str) -> bool {
    search(method, path, str::eq_ignore_ascii_case).is_some()
}

fn search(method: &str, path: &str, same: fn(&str, &str) -> bool) -> Option<(Place, Vec<String>)> {
    let table: &Table<'_> = &TABLE;
    let places = table.get(&(method, path.split('/').count()))?;
    places
        .iter()
        .find_map(|place| Some((*place, parameters(place.template, path, same)?)))
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// The template without the names of its parameters.
fn nameless(template: &str) -> String {
    let segments = template
        .split('/')
        .map(|segment| if is_parameter(segment) { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn parameters(template: &str, path: &str, same: fn(&str, &str) -> bool) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    for (wanted, segment) in template.split('/').zip(path.split('/')) {
        if is_parameter(wanted) {
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
            if decoded.is_empty() {
                return None;
            }
            parameters.push(decoded.into_owned());
        } else if !same(wanted, segment) {
            return None;
        }
    }
    Some(parameters)
}
