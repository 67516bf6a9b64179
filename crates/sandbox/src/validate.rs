//! Which properties a body may carry, as data, and the 422 messages for everything else.
//!
//! GHL whitelists strictly: an unknown property is refused (`property X should not exist`). The lists are those of
//! the official `apps/contacts.json` (highlevel-api-docs @0af86a4); the wording is class-validator's.

use serde_json::{Map, Value};

use Kind::{CustomFields, Dnd, Flag, InboundDnd, List, Number, Object, Scalar, Text, TextList, TextOrNull};

/// What a property must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    TextOrNull,
    /// Text, a number or null: declared as an object, exampled as text (`dateOfBirth`).
    Scalar,
    Flag,
    Number,
    TextList,
    List,
    Object,
    CustomFields,
    Dnd,
    InboundDnd,
}

/// One property of a body.
pub(crate) struct Property {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn optional(name: &'static str, kind: Kind) -> Property {
    Property {
        name,
        kind,
        required: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Property {
    Property {
        name,
        kind,
        required: true,
    }
}

/// POST /contacts/. A missing `locationId` is refused before bodies are looked at.
pub(crate) const CREATE_CONTACT: &[Property] = &[
    optional("locationId", Text),
    optional("firstName", TextOrNull),
    optional("lastName", TextOrNull),
    optional("name", TextOrNull),
    optional("email", TextOrNull),
    optional("gender", Text),
    optional("phone", TextOrNull),
    optional("address1", TextOrNull),
    optional("city", TextOrNull),
    optional("state", TextOrNull),
    optional("postalCode", Text),
    optional("website", TextOrNull),
    optional("timezone", TextOrNull),
    optional("dnd", Flag),
    optional("dndSettings", Dnd),
    optional("inboundDndSettings", InboundDnd),
    optional("tags", TextList),
    optional("customFields", CustomFields),
    optional("source", Text),
    optional("dateOfBirth", Scalar),
    optional("country", Text),
    optional("companyName", TextOrNull),
    optional("assignedTo", Text),
];

/// PUT /contacts/{id}: without `locationId`, `gender` and `companyName`.
pub(crate) const UPDATE_CONTACT: &[Property] = &[
    optional("firstName", TextOrNull),
    optional("lastName", TextOrNull),
    optional("name", TextOrNull),
    optional("email", TextOrNull),
    optional("phone", TextOrNull),
    optional("address1", TextOrNull),
    optional("city", TextOrNull),
    optional("state", TextOrNull),
    optional("postalCode", Text),
    optional("website", TextOrNull),
    optional("timezone", TextOrNull),
    optional("dnd", Flag),
    optional("dndSettings", Dnd),
    optional("inboundDndSettings", InboundDnd),
    optional("tags", TextList),
    optional("customFields", CustomFields),
    optional("source", TextOrNull),
    optional("dateOfBirth", Scalar),
    optional("country", Text),
    optional("assignedTo", TextOrNull),
];

/// What POST /contacts/upsert takes besides [`CREATE_CONTACT`].
pub(crate) const UPSERT_ONLY: &[Property] = &[optional("createNewIfDuplicateAllowed", Flag)];

/// POST and DELETE /contacts/{id}/tags.
pub(crate) const TAGS: &[Property] = &[required("tags", TextList)];

/// POST /contacts/{id}/notes.
pub(crate) const NEW_NOTE: &[Property] = &[
    required("body", Text),
    optional("userId", Text),
    optional("title", Text),
    optional("color", Text),
    optional("pinned", Flag),
];

/// PUT /contacts/{id}/notes/{noteId}.
pub(crate) const CHANGED_NOTE: &[Property] = &[
    optional("body", Text),
    optional("userId", Text),
    optional("title", Text),
    optional("color", Text),
    optional("pinned", Flag),
];

/// POST /opportunities/upsert, as it is documented and as it is seen to be taken.
pub(crate) const UPSERT_OPPORTUNITY: &[Property] = &[
    optional("id", Text),
    required("pipelineId", Text),
    required("locationId", Text),
    optional("contactId", Text),
    optional("followers", TextList),
    optional("isRemoveAllFollowers", Flag),
    optional("followersActionType", Text),
    optional("name", Text),
    optional("status", Text),
    optional("pipelineStageId", Text),
    optional("monetaryValue", Number),
    optional("assignedTo", Text),
    optional("lostReasonId", Text),
];

/// POST and PUT /calendars/events/block-slots, as they are seen to be taken: of a calendar or of a user.
pub(crate) const BLOCK_SLOT: &[Property] = &[
    required("locationId", Text),
    optional("title", Text),
    optional("calendarId", Text),
    optional("assignedUserId", Text),
    optional("startTime", Text),
    optional("endTime", Text),
];

/// POST /conversations/messages. Which `type` and `status` there are, the handler checks.
pub(crate) const SEND_MESSAGE: &[Property] = &[
    required("type", Text),
    optional("subType", Text),
    required("contactId", Text),
    optional("appointmentId", Text),
    optional("attachments", TextList),
    optional("emailFrom", Text),
    optional("emailCc", TextList),
    optional("emailBcc", TextList),
    optional("html", Text),
    optional("message", Text),
    optional("subject", Text),
    optional("replyMessageId", Text),
    optional("templateId", Text),
    optional("threadId", Text),
    optional("scheduledTimestamp", Number),
    optional("conversationProviderId", Text),
    optional("emailTo", Text),
    optional("customSubtypeId", Text),
    optional("emailReplyMode", Text),
    optional("fromNumber", Text),
    optional("toNumber", Text),
    optional("forward", Object),
    optional("status", Text),
    optional("usesNativeSchedulingAi", Flag),
    optional("optimizationPeriod", Text),
];

/// POST /contacts/search.
pub(crate) const SEARCH: &[Property] = &[
    optional("locationId", Text),
    required("pageLimit", Number),
    optional("page", Number),
    optional("searchAfter", List),
    optional("query", Text),
    optional("filters", List),
    optional("sort", List),
];

/// Everything wrong with `body`; empty where it may pass. `lists` together are the whitelist.
pub(crate) fn faults(lists: &[&[Property]], body: &Map<String, Value>) -> Vec<String> {
    let properties = || lists.iter().copied().flatten();
    let unknown = body
        .keys()
        .filter(|key| !properties().any(|property| property.name == key.as_str()))
        .map(|key| format!("property {key} should not exist"));
    let wrong = properties().filter_map(|property| match body.get(property.name) {
        Some(value) => property.kind.fault(property.name, value),
        None if property.required => property.kind.fault(property.name, &Value::Null),
        None => None,
    });
    unknown.chain(wrong).collect()
}

impl Kind {
    fn fault(self, name: &str, value: &Value) -> Option<String> {
        let problem = match self {
            Text if !value.is_string() => "must be a string",
            TextOrNull if !value.is_string() && !value.is_null() => "must be a string",
            Scalar if value.is_array() || value.is_object() || value.is_boolean() => "must be a date",
            Flag if !value.is_boolean() => "must be a boolean value",
            Number if !value.is_number() => "must be a number conforming to the specified constraints",
            Object if !value.is_object() => "must be an object",
            TextList | List | CustomFields if !value.is_array() => "must be an array",
            TextList => return each_is_text(name, value),
            CustomFields => return each_is_custom_field(name, value),
            Dnd => return channels(name, value, &["Call", "Email", "SMS", "WhatsApp", "GMB", "FB"], 3),
            InboundDnd => return channels(name, value, &["all"], 2),
            _ => return None,
        };
        Some(format!("{name} {problem}"))
    }
}

fn each_is_text(name: &str, value: &Value) -> Option<String> {
    let all = value.as_array()?.iter().all(Value::is_string);
    (!all).then(|| format!("each value in {name} must be a string"))
}

fn each_is_custom_field(name: &str, value: &Value) -> Option<String> {
    value.as_array()?.iter().enumerate().find_map(|(index, item)| {
        let Some(item) = item.as_object() else {
            return Some(format!("each value in {name} must be an object"));
        };
        let known = ["id", "key", "field_value"];
        if let Some(key) = item.keys().find(|key| !known.contains(&key.as_str())) {
            return Some(format!("{name}.{index}.property {key} should not exist"));
        }
        let named = item
            .get("id")
            .or_else(|| item.get("key"))
            .is_some_and(Value::is_string);
        (!named).then(|| format!("{name}.{index}.id must be a string"))
    })
}

fn channels(name: &str, value: &Value, channels: &[&str], statuses: usize) -> Option<String> {
    let statuses = &["active", "inactive", "permanent"][..statuses];
    let Some(settings) = value.as_object() else {
        return Some(format!("{name} must be an object"));
    };
    settings.iter().find_map(|(channel, setting)| {
        if !channels.contains(&channel.as_str()) {
            return Some(format!("{name}.property {channel} should not exist"));
        }
        let status = setting.get("status").and_then(Value::as_str).unwrap_or_default();
        let wanted = statuses.join(", ");
        let fits = statuses.contains(&status);
        (!fits).then(|| format!("{name}.{channel}.status must be one of the following values: {wanted}"))
    })
}
