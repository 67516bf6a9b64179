//! What a document names of the location: pipelines, stages, workflows, calendars, users, tags and the like.

use std::collections::{BTreeMap, BTreeSet};

use cartlane_catalog::{Catalog, Choice, Operation, Shape};
use cartlane_flow::names::nearest;
use serde_json::Value as Json;

use super::mapping::Called;
use super::{Finding, place};
use crate::directory::Target;
use crate::executor::Choices;
use crate::plan::UNKNOWN;
use crate::{CallError, Handle};

/// Lists that belong to runs and not to the set-up of a location, or that name it itself.
const NOT_CHECKED: [&str; 6] = [
    "contacts",
    "conversations",
    "custom_fields",
    "locations",
    "company",
    "snapshots",
];

/// A value that is to be in a list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    list: String,
    value: String,
    at: String,
}

impl Handle {
    /// Which names the location does not have.
    pub(super) async fn check_names(&self, target: &Target, calls: &[&Called]) -> Vec<Finding> {
        let mut named = BTreeSet::new();
        let mut stages = BTreeSet::new();
        for call in calls {
            collect(call, &mut named, &mut stages);
        }
        let mut findings = Vec::new();
        let mut lists: BTreeMap<String, Choices> = BTreeMap::new();
        for list in named
            .iter()
            .map(|named| named.list.clone())
            .collect::<BTreeSet<_>>()
        {
            match self
                .executor()
                .choices(&target.name, &list, &Json::Null, true)
                .await
            {
                Ok(choices) => drop(lists.insert(list, choices)),
                Err(error) => findings.push(unreadable(&list, target, &error)),
            }
        }
        let missing = named
            .iter()
            .filter_map(|named| missing(named, lists.get(&named.list)?));
        findings.extend(missing);
        if let (Some(pipelines), Some(known)) = (lists.get("pipelines"), lists.get("stages")) {
            let astray = stages
                .iter()
                .filter_map(|stage| stage.astray(&pipelines.choices, &known.choices));
            findings.extend(astray);
        }
        findings
    }
}

/// A list that cannot be read says nothing of what is in it.
fn unreadable(list: &str, target: &Target, error: &CallError) -> Finding {
    let message = format!(
        "{} of `{}` could not be read: {error}",
        list.replace('_', " "),
        target.name
    );
    let advice = "whether the names are there was not checked";
    match error.code() {
        "ghl.missing_scope" | "ghl.forbidden" => Finding::warning(None, message, advice),
        _ => Finding::error(None, message, advice),
    }
}

fn missing(named: &Named, choices: &Choices) -> Option<Finding> {
    let Named { list, value, at } = named;
    let is_it = |choice: &Choice| {
        choice.value == *value || list == "tags" && choice.value.eq_ignore_ascii_case(value)
    };
    if choices.choices.iter().any(is_it) || choices.is_cut {
        return None;
    }
    let what = list.replace('_', " ");
    if list == "tags" {
        return Some(Finding::warning(
            at.clone(),
            format!("there is no tag `{value}` yet"),
            "GoHighLevel makes it when it is first added; look whether it is spelt as you mean it",
        ));
    }
    let by_label = choices
        .choices
        .iter()
        .find(|choice| choice.label.eq_ignore_ascii_case(value));
    let advice = match by_label {
        Some(choice) => format!("write its id: `{}`", choice.value),
        None => {
            let labels = choices.choices.iter().map(|choice| choice.label.as_str());
            let near = nearest(value, labels).map(|near| format!("did you mean `{near}`? "));
            format!(
                "{}`cartlane ops show OPERATION --connection NAME` lists what there is",
                near.unwrap_or_default()
            )
        }
    };
    Some(Finding::error(
        at.clone(),
        format!("`{value}` is not among the {what}"),
        advice,
    ))
}

/// A stage beside the pipeline that it is to be of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stage {
    pipeline: String,
    id: String,
    at: String,
}

impl Stage {
    /// Where the stage is another pipeline's.
    fn astray(&self, pipelines: &[Choice], stages: &[Choice]) -> Option<Finding> {
        let label = |choices: &[Choice], value: &str| {
            let found = choices.iter().find(|choice| choice.value == value);
            found.map(|choice| choice.label.clone())
        };
        let (pipeline, stage) = (label(pipelines, &self.pipeline)?, label(stages, &self.id)?);
        (!stage.starts_with(&format!("{pipeline}: "))).then(|| {
            Finding::error(
                self.at.clone(),
                format!("the stage `{stage}` is not one of the pipeline `{pipeline}`"),
                "choose a stage of that pipeline",
            )
        })
    }
}

fn collect(call: &Called, named: &mut BTreeSet<Named>, stages: &mut BTreeSet<Stage>) {
    let Some(operation) = Catalog::builtin()
        .get(&call.operation)
        .filter(|it| it.id.starts_with("ghl."))
    else {
        return;
    };
    for input in &operation.inputs {
        let value = &call.inputs[&input.name];
        let mut note = |list: &str, value: &Json, within: &str| {
            note(list, value, &place(&call.step, within, call.row), named);
        };
        if let Some(list) = &input.option_source {
            note(list, value, &input.name);
        }
        collect_within(&input.shape, value, &input.name, &mut note);
    }
    stages.extend(stage(operation, call));
}

/// Tells `note` of every value of a shape that is chosen from a list: the list, the value, and where it stands.
fn collect_within(shape: &Shape, value: &Json, at: &str, note: &mut dyn FnMut(&str, &Json, &str)) {
    if let Some(list) = &shape.option_source {
        note(list, value, at);
    }
    if let (Some(items), Some(values)) = (&shape.items, value.as_array()) {
        for value in values {
            collect_within(items, value, at, note);
        }
    }
    for field in &shape.fields {
        collect_within(field, &value[&field.name], &format!("{at}.{}", field.name), note);
    }
}

fn note(list: &str, value: &Json, at: &str, named: &mut BTreeSet<Named>) {
    if NOT_CHECKED.contains(&list) {
        return;
    }
    let values = match value {
        Json::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let texts = values
        .iter()
        .filter_map(Json::as_str)
        .filter(|text| is_known(text));
    named.extend(texts.map(|value| Named {
        list: list.to_owned(),
        value: value.to_owned(),
        at: at.to_owned(),
    }));
}

fn is_known(text: &str) -> bool {
    !text.is_empty() && !text.contains(UNKNOWN) && !text.contains("{{") && !text.contains("{%")
}

fn stage(operation: &Operation, call: &Called) -> Option<Stage> {
    let of = |list: &str| {
        let input = operation.inputs.iter().find(|input| {
            let source = input
                .option_source
                .as_ref()
                .or(input.shape.option_source.as_ref());
            source.is_some_and(|source| source == list)
        })?;
        let text = call.inputs[&input.name].as_str().filter(|text| is_known(text))?;
        Some((input.name.clone(), text.to_owned()))
    };
    let ((_, pipeline), (name, stage)) = (of("pipelines")?, of("stages")?);
    Some(Stage {
        pipeline,
        id: stage,
        at: place(&call.step, &name, call.row),
    })
}
