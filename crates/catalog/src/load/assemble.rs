//! Facts and overlay become operations.

use std::collections::BTreeMap;

use cartlane_model::Problems;

use super::facts::{Facts, FactsFile};
use super::inputs::{self, words};
use super::overlay::{CommonInputs, Composite, Entry, Overlay};
use super::sample;
use crate::{AnswerTop, BodyKind, Effect, Endpoint, In, Kind, Operation, Run, System, answers};

/// The version that is sent where the vendor's files name none: that of most.
const VERSION: &str = "2021-07-28";

/// What the operations of one resource are made of.
pub(super) struct Resource<'a> {
    pub system: System,
    /// What all ids begin with: `ghl.contacts.`
    pub prefix: String,
    pub facts: &'a FactsFile,
    pub common: &'a CommonInputs,
}

impl Resource<'_> {
    /// All operations: those with an overlay, composites, and the rest by their facts alone; or all faults.
    pub fn operations(&self, overlay: Overlay) -> Result<Vec<Operation>, Problems> {
        let mut problems = Problems::default();
        let category = overlay.category;
        let mut operations = Vec::new();
        let mut described = Vec::new();
        for mut entry in overlay.operation {
            described.push(entry.facts.clone());
            let group = entry.category.take().unwrap_or_else(|| category.clone());
            entry.category = Some(if entry.listed.is_some() {
                group
            } else {
                more(&group)
            });
            match self
                .facts
                .operations
                .iter()
                .find(|facts| facts.key() == entry.facts)
            {
                Some(facts) => operations.push(self.single(facts, entry, true, &mut problems)),
                None => problems.push(entry.id, format!("the generated file has no `{}`", entry.facts)),
            }
        }
        let several = |composite| several(self.system, &category, composite);
        operations.extend(overlay.composite.into_iter().map(several));
        for facts in self
            .facts
            .operations
            .iter()
            .filter(|facts| !described.contains(&facts.key()))
        {
            let entry = self.derived(facts, &category);
            operations.push(self.single(facts, entry, false, &mut problems));
        }
        for operation in &operations {
            self.check(operation, &mut problems);
        }
        problems.into_result(operations)
    }

    fn check(&self, operation: &Operation, problems: &mut Problems) {
        if !operation.id.starts_with(&self.prefix) {
            problems.push(&operation.id, format!("must begin with `{}`", self.prefix));
        }
        if operation.title.is_empty() || operation.help.is_empty() || operation.category.is_empty() {
            problems.push(&operation.id, "needs title, help and category");
        }
        for name in operation.names_outside_inputs() {
            problems.push(
                &operation.id,
                format!("speaks of an input `{name}` that it does not have"),
            );
        }
        let faults = operation.faults(&operation.example);
        if !faults.0.is_empty() {
            problems.push(&operation.id, format!("its example: {faults}"));
        }
    }

    /// The entry of an operation that has none.
    fn derived(&self, facts: &Facts, category: &str) -> Entry {
        let name: String = facts.operation_id.chars().flat_map(snake).collect();
        let name = name.trim_matches('_').replace("__", "_");
        let title = match facts.summary.as_str() {
            "" => words(&facts.operation_id).trim_end_matches('.').to_owned(),
            summary => summary.to_owned(),
        };
        let resource = self
            .prefix
            .trim_end_matches('.')
            .rsplit('.')
            .next()
            .unwrap_or_default();
        Entry {
            id: format!("{}{name}", self.prefix),
            facts: facts.key(),
            help: format!("`{}`, as GHL's API description has it.", facts.key()),
            title,
            category: Some(match category {
                "" => words(resource).trim_end_matches('.').to_owned(),
                category => more(category),
            }),
            ..Entry::default()
        }
    }

    fn single(&self, facts: &Facts, entry: Entry, described: bool, problems: &mut Problems) -> Operation {
        let effect = entry.effect.unwrap_or_else(|| effect(&facts.method));
        let places = inputs::Places::of(facts, &entry, self.common);
        places.check(&entry, problems);
        let get = |name: &str| {
            let own = entry.inputs.get(name).cloned().unwrap_or_default();
            sample::written(name, &own, self.common)
        };
        let example = match &entry.example {
            Some(example) => example.clone(),
            None => sample::inputs(&places.inputs, &entry.needs_one, get),
        };
        let kind = if facts.method == "GET" {
            Kind::Lookup
        } else {
            Kind::Action
        };
        let unusable = entry.withheld.clone().or_else(|| unusable(facts));
        Operation {
            listed: entry.listed,
            title: entry.title.clone(),
            help: entry.help.clone(),
            category: entry.category.clone().unwrap_or_default(),
            kind: entry.kind.unwrap_or(kind),
            system: self.system,
            effect,
            calls: Vec::new(),
            sets_state: None,
            poll: entry.poll.clone(),
            needs_one: entry.needs_one.clone(),
            takes_one: entry.takes_one,
            rules: entry.rules.clone(),
            refused: entry.refused.clone(),
            described,
            deprecated: facts.deprecated,
            unusable,
            example,
            run: Run::Http(Box::new(self.endpoint(facts, &entry, effect, &places))),
            inputs: places.inputs,
            id: entry.id,
        }
    }
}

impl Resource<'_> {
    fn endpoint(&self, facts: &Facts, entry: &Entry, effect: Effect, places: &inputs::Places) -> Endpoint {
        let is_ghl = self.system == System::Ghl;
        let newest = || {
            let newest = facts.version.iter().max().cloned();
            newest.unwrap_or_else(|| if is_ghl { VERSION.to_owned() } else { String::new() })
        };
        // What cannot be looked for is not sent again by itself, so that its refusal may stand as it is. Others than GHL
        // mean their refusals.
        let makes = is_ghl && effect == Effect::Unsafe && facts.method == "POST" && entry.confirm.is_some();
        let body = match &facts.body {
            None => BodyKind::None,
            Some(body) if body.items.is_some() => BodyKind::List,
            Some(body) if body.is_form() => BodyKind::Form,
            Some(_) => BodyKind::Json,
        };
        let answer = facts.answer.as_ref();
        Endpoint {
            method: facts.method.clone(),
            path: facts.path.clone(),
            version: entry.version.clone().unwrap_or_else(newest),
            scopes: entry.scopes.clone().unwrap_or_else(|| facts.scopes.clone()),
            token_kinds: entry
                .token_kinds
                .clone()
                .unwrap_or_else(|| facts.token_kinds.clone()),
            location_in: places.location.as_ref().map(|(place, _)| *place),
            location_name: places.location.as_ref().map(|(_, name)| name.clone()),
            fixed: places.fixed.clone(),
            confirm: entry.confirm.clone(),
            pages: entry.pages.clone(),
            success: entry.success.clone().unwrap_or_else(|| facts.success.clone()),
            creates: entry.creates.unwrap_or(makes),
            body,
            answer: AnswerTop {
                content: entry.answer.clone().or_else(|| answer?.content.clone()),
                r#type: answer.map(|answer| answer.r#type).unwrap_or_default(),
                keys: answer.map(|answer| keys(&entry.id, answer)).unwrap_or_default(),
            },
        }
    }
}

/// The keys of an answer in the one spelling that is used here.
fn keys(operation: &str, answer: &super::facts::AnswerTop) -> BTreeMap<String, crate::Type> {
    let key = |key: &String| answers::key(operation, key).to_owned();
    let keys = answer.keys.iter();
    keys.map(|(name, kind)| (key(name), *kind)).collect()
}

/// What a call does when nobody has said it: the cautious guess.
fn effect(method: &str) -> Effect {
    match method {
        "GET" => Effect::Read,
        "PUT" | "DELETE" => Effect::Idempotent,
        _ => Effect::Unsafe,
    }
}

/// Why this version cannot make the call.
fn unusable(facts: &Facts) -> Option<String> {
    let body = facts.body.as_ref().filter(|body| !body.is_form())?;
    let content = body.content.as_deref()?;
    Some(format!("its body is {content}, which is not sent here"))
}

/// Where operations stand that the published list leaves out of its category.
fn more(category: &str) -> String {
    format!("{category} (more)")
}

/// `createAgent`, `get-note` and `create-integration provider` as `create_agent` and so on.
fn snake(letter: char) -> impl Iterator<Item = char> {
    let separates = letter.is_uppercase() || !letter.is_alphanumeric();
    separates
        .then_some('_')
        .into_iter()
        .chain(letter.is_alphanumeric().then_some(letter.to_ascii_lowercase()))
}

fn several(system: System, category: &str, composite: Composite) -> Operation {
    let none = BTreeMap::new();
    let input = |shape| inputs::input(In::Body, shape, None, &none);
    let group = composite.category.unwrap_or_else(|| category.to_owned());
    Operation {
        category: if composite.listed.is_some() {
            group
        } else {
            more(&group)
        },
        id: composite.id,
        listed: composite.listed,
        title: composite.title,
        help: composite.help,
        kind: composite.kind,
        system,
        effect: composite.effect,
        run: Run::Composite(composite.hook),
        calls: composite.calls,
        sets_state: composite.sets_state,
        poll: None,
        inputs: composite.inputs.into_iter().map(input).collect(),
        needs_one: composite.needs_one,
        takes_one: false,
        rules: Vec::new(),
        refused: BTreeMap::new(),
        described: true,
        deprecated: false,
        unusable: None,
        example: composite.example,
    }
}
