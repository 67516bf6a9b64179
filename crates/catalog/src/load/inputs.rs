//! Which places of a request are inputs, which come from the connection, and which are always the same.

use std::collections::BTreeMap;

use cartlane_model::Problems;
use serde_json::Value;

use super::facts::{Body, Facts};
use super::overlay::{CommonInputs, Entry, InputText, Location};
use crate::{Fixed, In, Input, Shape, Type, uploads};

/// The names under which operations take the location's id.
const LOCATION: [&str; 2] = ["locationId", "location_id"];
/// Resources that belong to a location or an agency take the owner's id and its kind.
const OWNER: (&str, &str) = ("altId", "altType");
/// The kinds of token that only agencies have.
const AGENCY: &str = "agency";

/// All places of a request.
pub(super) struct Places {
    pub inputs: Vec<Input>,
    /// Where the connection's location id goes, and its name there.
    pub location: Option<(In, String)>,
    pub fixed: Vec<Fixed>,
    /// What the overlay calls fields within inputs that they do not have.
    astray: Vec<String>,
}

impl Places {
    pub fn of(facts: &Facts, entry: &Entry, common: &CommonInputs) -> Self {
        let mut places = facts.places();
        if let Some(items) = facts.body.as_ref().and_then(|body| body.items.as_ref()) {
            places.push((In::Body, list(entry, items)));
        }
        correct(facts, entry, &mut places);
        if facts.body.as_ref().is_some_and(Body::is_form) {
            for (_, shape) in &mut places {
                uploads::complete(shape);
            }
        }
        let location = location(facts, entry, &places);
        let mut fixed = Vec::new();
        let mut fix = |name: &str, value: &Value| {
            if let Some((place, _)) = places.iter().find(|(_, shape)| shape.name == name) {
                fixed.push(Fixed {
                    name: name.to_owned(),
                    r#in: *place,
                    value: value.clone(),
                });
            }
        };
        entry.fixed.iter().for_each(|(name, value)| fix(name, value));
        if location.as_ref().is_some_and(|(_, name)| name == OWNER.0) {
            fix(OWNER.1, &"location".into());
        }
        let is_location = |place: In, shape: &Shape| {
            location
                .as_ref()
                .is_some_and(|(at, name)| *at == place && *name == shape.name)
        };
        let mut inputs: Vec<Input> = Vec::new();
        for (place, shape) in &places {
            let is_fixed = fixed.iter().any(|fixed| fixed.name == shape.name);
            if is_location(*place, shape) || is_fixed || entry.refused.contains_key(&shape.name) {
                continue;
            }
            match inputs.iter_mut().find(|input| input.name == shape.name) {
                Some(known) => known.also_in = Some(*place),
                None => {
                    let text = entry.inputs.get(&shape.name);
                    inputs.push(input(*place, shape.clone(), text, common));
                }
            }
        }
        if let Some(pages) = &entry.pages {
            let sizes = inputs
                .iter_mut()
                .filter(|input| pages.size.as_ref() == Some(&input.name));
            sizes.for_each(|input| input.shape.max = input.shape.max.or(pages.most.map(u64::from)));
        }
        let mut astray = Vec::new();
        for (path, text) in &entry.inputs {
            let Some((first, rest)) = path.split_once('.') else {
                continue;
            };
            let input = inputs.iter_mut().find(|input| input.name == first);
            match input.and_then(|input| within(&mut input.shape, rest)) {
                Some(field) => {
                    complete(field, text);
                    field.help = Some(text.help.clone()).filter(|help| !help.is_empty());
                    field.option_source.clone_from(&text.option_source);
                }
                None => astray.push(path.clone()),
            }
        }
        Self {
            inputs,
            location,
            fixed,
            astray,
        }
    }

    /// Notes names in the overlay that lead nowhere, and rules that contradict each other.
    pub fn check(&self, entry: &Entry, problems: &mut Problems) {
        let has = |name: &String| self.inputs.iter().any(|input| input.name == *name);
        let names = entry.inputs.keys().filter(|name| !name.contains('.'));
        let unknown = names.chain(&entry.optional).filter(|name| !has(name));
        for name in unknown.chain(&self.astray) {
            problems.push(
                &entry.id,
                format!("speaks of an input `{name}` that it does not have"),
            );
        }
        for name in entry
            .corrections
            .keys()
            .filter(|name| entry.refused.contains_key(*name))
        {
            problems.push(&entry.id, format!("both corrects and refuses `{name}`"));
        }
        for name in entry.fixed.keys() {
            if !self.fixed.iter().any(|fixed| fixed.name == *name) {
                problems.push(
                    &entry.id,
                    format!("fixes `{name}`, which has no place in the request"),
                );
            }
        }
    }
}

/// The field of a shape, or of its items, with this name; names of fields within fields are divided by dots.
fn within<'s>(shape: &'s mut Shape, path: &str) -> Option<&'s mut Shape> {
    let fields = match &mut shape.items {
        Some(items) => &mut items.fields,
        None => &mut shape.fields,
    };
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = fields.iter_mut().find(|field| field.name == name)?;
    if rest.is_empty() {
        Some(field)
    } else {
        within(field, rest)
    }
}

/// Form and limits, where the shape says none.
fn complete(shape: &mut Shape, text: &InputText) {
    shape.max = shape.max.or(text.max);
    shape.max_length = shape.max_length.or(text.max_length);
    shape.max_items = shape.max_items.or(text.max_items);
    let format = match &mut shape.items {
        Some(items) => &mut items.format,
        None => &mut shape.format,
    };
    if format.is_none() {
        format.clone_from(&text.format);
    }
}

/// A body that is a list is one input.
fn list(entry: &Entry, items: &Shape) -> Shape {
    Shape {
        name: entry.body.clone().unwrap_or_else(|| "items".to_owned()),
        required: true,
        r#type: Type::Array,
        items: Some(Box::new(items.clone())),
        ..Shape::default()
    }
}

/// Replaces shapes by their corrections, and adds those that the facts lack: to the body, else to the query.
fn correct(facts: &Facts, entry: &Entry, places: &mut Vec<(In, Shape)>) {
    let added_to = if facts.body.is_some() { In::Body } else { In::Query };
    for (name, corrected) in &entry.corrections {
        let right = |required: bool| Shape {
            name: name.clone(),
            required: required || corrected.required,
            ..corrected.clone()
        };
        match places.iter_mut().find(|(_, shape)| shape.name == *name) {
            Some((_, shape)) => *shape = right(shape.required),
            None => places.push((added_to, right(false))),
        }
    }
    for (_, shape) in places
        .iter_mut()
        .filter(|(_, shape)| entry.optional.contains(&shape.name))
    {
        shape.required = false;
    }
}

/// Where the connection's location id goes: as the overlay says; else wherever the facts have one, unless only an
/// agency's token is taken, for which the location is what the operation is about.
fn location(facts: &Facts, entry: &Entry, places: &[(In, Shape)]) -> Option<(In, String)> {
    if let Some(said) = entry.location_in {
        return said.place().map(|place| (place, LOCATION[0].to_owned()));
    }
    let kinds = entry.token_kinds.as_ref().unwrap_or(&facts.token_kinds);
    if !kinds.is_empty() && kinds.iter().all(|kind| kind.starts_with(AGENCY)) {
        return Location::Input.place().map(|place| (place, String::new()));
    }
    let named = |name: &str| places.iter().find(|(_, shape)| shape.name == name);
    let own = LOCATION
        .iter()
        .find_map(|name| named(name))
        .filter(|(_, shape)| shape.r#type != Type::Array);
    let kind = named(OWNER.1);
    let may_be_location =
        |kind: &Shape| kind.r#enum.is_empty() || kind.r#enum.iter().any(|choice| choice == "location");
    let owner = named(OWNER.0).filter(|(_, owner)| match kind {
        Some((_, kind)) => may_be_location(kind),
        None => owner.required,
    });
    let must_own = owner.filter(|(_, owner)| owner.required);
    let place = must_own.or(own).or(owner);
    place.map(|(place, shape)| (*place, shape.name.clone()))
}

/// An input, with what its operation, the common texts, or at least its name say about it.
pub(super) fn input(place: In, mut shape: Shape, text: Option<&InputText>, common: &CommonInputs) -> Input {
    let common = common.get(&shape.name);
    let own_help = shape.help.take();
    let own_source = shape.option_source.take();
    let said = |texts: Option<&InputText>| {
        texts
            .map(|text| text.help.clone())
            .filter(|help| !help.is_empty())
    };
    let source = |texts: Option<&InputText>| texts.and_then(|text| text.option_source.clone());
    let default = text.and_then(|text| text.default.clone());
    for text in [text, common].into_iter().flatten() {
        complete(&mut shape, text);
    }
    Input {
        r#in: place,
        also_in: None,
        required: shape.required && default.is_none(),
        help: said(text)
            .or(own_help)
            .or_else(|| said(common))
            .unwrap_or_else(|| words(&shape.name)),
        option_source: source(text)
            .or(own_source)
            .or_else(|| source(common))
            .filter(|name| !name.is_empty()),
        default,
        name: shape.name.clone(),
        shape,
    }
}

/// `postalCode` and `postal_code` as `Postal code.`: the text of a name that speaks for itself.
pub(super) fn words(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.chars().enumerate() {
        match letter {
            letter if index == 0 => text.extend(letter.to_uppercase()),
            '_' | '-' => text.push(' '),
            letter if letter.is_uppercase() => {
                text.push(' ');
                text.extend(letter.to_lowercase());
            }
            letter => text.push(letter),
        }
    }
    text.push('.');
    text
}

/// What inputs mean in a system, by name, from its `inputs.toml`.
pub(super) fn common(text: &str) -> Result<CommonInputs, Problems> {
    toml::from_str::<BTreeMap<String, InputText>>(text).map_err(|error| {
        let mut problems = Problems::default();
        problems.push("inputs.toml", error.to_string());
        problems
    })
}
