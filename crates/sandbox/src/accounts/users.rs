//! Users of the agency and its sub-accounts.

use serde_json::{Map, Value, json};

use super::Scene;
use crate::contacts::same_text;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::settings::TokenKind;

/// A user.
#[derive(Clone)]
pub(crate) struct User {
    id: String,
    /// As written, without the password.
    fields: Map<String, Value>,
    r#type: String,
    role: String,
    location_ids: Vec<String>,
}

impl User {
    fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn apply(&mut self, body: &Map<String, Value>) {
        for (key, value) in body {
            match (key.as_str(), value) {
                ("companyId" | "password", _) => {}
                ("type", Value::String(text)) => self.r#type.clone_from(text),
                ("role", Value::String(text)) => self.role.clone_from(text),
                ("locationIds", Value::Array(ids)) => {
                    self.location_ids = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                }
                (key, value) => drop(self.fields.insert(key.to_owned(), value.clone())),
            }
        }
    }

    fn view(&self) -> Value {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        let name = format!("{} {}", self.text("firstName"), self.text("lastName"));
        view.insert("name".to_owned(), json!(name.trim()));
        view.extend(self.fields.clone());
        let roles = json!({"type": self.r#type, "role": self.role, "locationIds": self.location_ids});
        view.insert("roles".to_owned(), roles);
        view.insert("deleted".to_owned(), json!(false));
        Value::Object(view)
    }

    fn is_in(&self, location: &str) -> bool {
        self.location_ids.iter().any(|id| id == location)
    }
}

impl Scene<'_> {
    /// Whether the token may see this user: the agency all, a sub-account its own.
    fn may_see_user(&self, user: &User) -> bool {
        self.holder.is_some_and(|holder| match holder.kind {
            TokenKind::Agency => true,
            TokenKind::Location => user.is_in(&holder.location),
        })
    }

    /// Where the user that the path names stands; 400 where there is none to be seen.
    fn user(&self) -> Result<usize, Reply> {
        let id = self.param(0);
        let mut users = self.accounts.users.iter();
        let position = users.position(|user| user.id == id && self.may_see_user(user));
        position.ok_or_else(|| Reply::not_found("User", id))
    }

    fn user_with(&self, email: &str) -> Option<&User> {
        let mut users = self.accounts.users.iter();
        users.find(|user| same_text(user.text("email"), email))
    }
}

/// GET /users/search: without `companyId` GHL says 401, as reported.
pub(super) fn search(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let company = scene.query("companyId");
    let company = company.ok_or_else(|| Reply::unauthorized("E01 - Unauthorized request"))?;
    scene.check_company(company)?;
    let query = scene.query("query").unwrap_or_default().to_lowercase();
    let ids = scene.query("ids").map(|ids| ids.split(',').collect::<Vec<_>>());
    let fits = |user: &&User| {
        let texts = ["firstName", "lastName", "email", "phone"].map(|name| user.text(name).to_lowercase());
        scene.may_see_user(user)
            && (query.is_empty() || texts.iter().any(|text| text.contains(&query)))
            && scene.query("locationId").is_none_or(|id| user.is_in(id))
            && scene.query("type").is_none_or(|wanted| user.r#type == wanted)
            && scene.query("role").is_none_or(|wanted| user.role == wanted)
            && ids.as_ref().is_none_or(|ids| ids.contains(&user.id.as_str()))
    };
    let rows = scene.accounts.users.iter().filter(fits).map(User::view).collect();
    let (count, page) = scene.page(rows, 25)?;
    Ok(Done::read(json!({"users": page, "count": count})))
}

/// POST /users/search/filter-by-email: `emails` is one text with commas; the answer has ids and e-mails.
pub(super) fn by_email(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let text = |name: &str| scene.body.get(name).and_then(Value::as_str).unwrap_or_default();
    scene.check_company(text("companyId"))?;
    let number = |name: &str, default: usize| text(name).parse().unwrap_or(default);
    let emails: Vec<&str> = text("emails").split(',').map(str::trim).collect();
    let found = scene.accounts.users.iter().filter(|user| {
        let own = user.text("email");
        emails.iter().any(|email| same_text(email, own))
    });
    let rows: Vec<Value> = found
        .map(|user| json!({"id": user.id, "email": user.text("email")}))
        .collect();
    let (count, skip, limit) = (rows.len(), number("skip", 0), number("limit", 25));
    let page: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
    Ok(Done::read(json!({"users": page, "count": count})))
}

/// GET /users/: those of one sub-account.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let id = scene
        .location(scene.query("locationId").unwrap_or_default())?
        .id
        .clone();
    let users = scene.accounts.users.iter().filter(|user| user.is_in(&id));
    let rows: Vec<Value> = users.map(User::view).collect();
    Ok(Done::read(json!({"users": rows})))
}

/// GET /users/{id}: bare, without a key around it.
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let index = scene.user()?;
    Ok(Done::read(scene.accounts.users[index].view()))
}

/// POST /users/
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let text = |name: &str| scene.body.get(name).and_then(Value::as_str).unwrap_or_default();
    scene.check_company(text("companyId"))?;
    let email = text("email").to_owned();
    if scene.user_with(&email).is_some() {
        return Err(Reply::bad_request(&format!(
            "User with email {email} already exists"
        )));
    }
    let mut user = User {
        id: scene.store.new_id(),
        fields: Map::new(),
        r#type: "account".to_owned(),
        role: "user".to_owned(),
        location_ids: Vec::new(),
    };
    user.apply(scene.body);
    check_locations(scene, &user)?;
    let done = wrote(201, "user_created", &user);
    scene.accounts.users.push(user);
    Ok(done)
}

/// PUT /users/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let index = scene.user()?;
    let mut user = scene.accounts.users[index].clone();
    user.apply(scene.body);
    check_locations(scene, &user)?;
    let done = wrote(200, "user_updated", &user);
    scene.accounts.users[index] = user;
    Ok(done)
}

/// DELETE /users/{id}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let index = scene.user()?;
    let user = scene.accounts.users.remove(index);
    let mut done = wrote(200, "user_deleted", &user);
    let message = "Queued deleting user with e-mail and name, it can take a few minutes";
    done.reply = Reply::json(200, json!({"succeded": true, "message": message}));
    Ok(done)
}

/// 403 where the user would be in a location that isn't the token's.
fn check_locations(scene: &Scene<'_>, user: &User) -> Result<(), Reply> {
    user.location_ids
        .iter()
        .try_for_each(|id| scene.location(id).map(drop))
}

fn wrote(status: u16, kind: &'static str, user: &User) -> Done {
    let view = user.view();
    let effect = Effect {
        kind,
        contact_id: String::new(),
        detail: view.clone(),
    };
    Done::wrote(status, view, effect)
}
