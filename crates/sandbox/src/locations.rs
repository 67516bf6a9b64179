//! Sub-accounts, read only: they are made by the settings.

use serde_json::json;

use crate::reply::{Done, Reply};
use crate::routes::Request;
use crate::store::Store;

/// GET /locations/{id}
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler like the others, which can refuse"
)]
pub(crate) fn get(_store: &mut Store, request: &Request<'_>) -> Result<Done, Reply> {
    let location = request.location;
    Ok(Done::read(json!({
        "location": {
            "id": location.id,
            "companyId": "sandboxCompany000000",
            "name": format!("Sandbox {}", location.id),
            "country": "US",
            "timezone": location.timezone,
            "settings": {
                "allowDuplicateContact": location.allow_duplicates,
                "allowDuplicateOpportunity": false,
                "allowFacebookNameMerge": false,
                "disableContactTimezone": false,
            },
        },
    })))
}
