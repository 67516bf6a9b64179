//! Blogs and their posts.
//!
//! Every location has two blogs, two authors and three categories from the start, with ids that follow from the seed;
//! GHL's API makes none. What always holds: a post's blog, author and categories belong to its location, and no other
//! post of the location has its slug. GHL's ids are `_id` here.

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::documents::Document;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;

const KIND: &str = "blog_post";
const BLOGS: [&str; 2] = ["Company news", "Recipes"];
const AUTHORS: [&str; 2] = ["Mara Deo", "Jon Ek"];
const CATEGORIES: [&str; 3] = ["Sauces", "Soups", "Tools"];
/// When authors and categories were made.
const START: &str = "2025-01-01T00:00:00.000Z";

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/blogs/site/all",
        "ghl.blogs.list_blogs",
        "blogs/list.readonly",
        list_blogs,
    ),
    AccountRoute::new(
        "GET",
        "/blogs/authors",
        "ghl.blogs.list_authors",
        "blogs/author.readonly",
        list_authors,
    ),
    AccountRoute::new(
        "GET",
        "/blogs/categories",
        "ghl.blogs.list_categories",
        "blogs/category.readonly",
        list_categories,
    ),
    AccountRoute::new(
        "GET",
        "/blogs/posts/all",
        "ghl.blogs.list_posts",
        "blogs/posts.readonly",
        list_posts,
    ),
    AccountRoute::new(
        "GET",
        "/blogs/posts/url-slug-exists",
        "ghl.blogs.check_slug",
        "blogs/check-slug.readonly",
        check_slug,
    ),
    AccountRoute::new(
        "POST",
        "/blogs/posts",
        "ghl.blogs.create_post",
        "blogs/post.write",
        create,
    ),
    AccountRoute::new(
        "PUT",
        "/blogs/posts/{id}",
        "ghl.blogs.update_post",
        "blogs/post-update.write",
        update,
    ),
];

/// GET /blogs/site/all
fn list_blogs(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let term = scene.query("searchTerm").map(str::to_lowercase);
    let blogs = stable(scene.store, &location, "blog", &BLOGS);
    let found = blogs.filter(|(_, name)| says(term.as_deref(), name));
    let rows = found.map(|(id, name)| json!({"_id": id, "name": name})).collect();
    Ok(Done::read(json!({"data": page(scene, "skip", rows)?})))
}

/// GET /blogs/authors
fn list_authors(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let row = |(id, name)| {
        json!({
            "_id": id,
            "name": name,
            "locationId": location,
            "updatedAt": START,
            "canonicalLink": format!("https://blog.example.com/author/{}", slug(name)),
        })
    };
    let authors = stable(scene.store, &location, "blog author", &AUTHORS);
    let rows = authors.map(row).collect();
    Ok(Done::read(json!({"authors": page(scene, "offset", rows)?})))
}

/// GET /blogs/categories
fn list_categories(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let row = |(id, label)| {
        json!({
            "_id": id,
            "label": label,
            "locationId": location,
            "updatedAt": START,
            "canonicalLink": format!("https://blog.example.com/category/{}", slug(label)),
            "urlSlug": slug(label),
        })
    };
    let categories = stable(scene.store, &location, "blog category", &CATEGORIES);
    let rows = categories.map(row).collect();
    Ok(Done::read(json!({"categories": page(scene, "offset", rows)?})))
}

/// GET /blogs/posts/all: the newest first.
fn list_posts(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let blog = scene.query("blogId");
    let blog = blog.ok_or_else(|| Reply::invalid("blogId must be a string"))?;
    check(scene.store, &location, "Blog", "blog", &BLOGS, blog)?;
    let (term, status) = (scene.query("searchTerm"), scene.query("status"));
    let term = term.map(str::to_lowercase);
    let posts = scene.store.documents.of(KIND, &location).rev();
    let found = posts.filter(|post| {
        post.text("blogId") == Some(blog)
            && status.is_none_or(|status| post.text("status") == Some(status))
            && says(term.as_deref(), post.text("title").unwrap_or_default())
    });
    let rows = found.map(view).collect();
    Ok(Done::read(json!({"blogs": page(scene, "offset", rows)?})))
}

/// GET /blogs/posts/url-slug-exists
fn check_slug(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let slug = scene.query("urlSlug");
    let slug = slug.ok_or_else(|| Reply::invalid("urlSlug must be a string"))?;
    let exists = is_taken(scene.store, &location, slug, scene.query("postId"));
    Ok(Done::read(json!({"exists": exists})))
}

/// POST /blogs/posts
fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    check_post(scene, &location, None)?;
    let post = scene.new_document(&location);
    Ok(keep(scene, post, "data", "blog_post_created"))
}

/// PUT /blogs/posts/{id}: the whole post anew.
fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut post = scene.document(KIND, "Blog post", scene.param(0))?;
    if scene.location_in_body()? != post.location {
        return Err(Reply::wrong_location());
    }
    check_post(scene, &post.location, Some(&post.id))?;
    post.fields.clear();
    post.apply(scene.body, scene.now);
    Ok(keep(scene, post, "updatedBlogPost", "blog_post_updated"))
}

fn keep(scene: &mut Scene<'_>, post: Document, key: &str, kind: &'static str) -> Done {
    let view = view(&post);
    let mut body = json!({});
    body[key] = view.clone();
    scene.store.documents.put(KIND, post);
    Done::wrote(200, body, Effect::new(kind, "", view))
}

/// 400 where blog, author or categories are none of the location's, or another post has the slug. What the
/// description can tell has been checked.
fn check_post(scene: &Scene<'_>, location: &str, own: Option<&str>) -> Result<(), Reply> {
    let text = |name: &str| scene.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let store = &*scene.store;
    check(store, location, "Blog", "blog", &BLOGS, text("blogId"))?;
    check(store, location, "Author", "blog author", &AUTHORS, text("author"))?;
    let categories = scene.body.get("categories").and_then(Value::as_array);
    for id in categories.into_iter().flatten().filter_map(Value::as_str) {
        check(store, location, "Category", "blog category", &CATEGORIES, id)?;
    }
    let date = text("publishedAt");
    if date.parse::<jiff::Timestamp>().is_err() && date.parse::<jiff::civil::DateTime>().is_err() {
        return Err(Reply::invalid("publishedAt must be a valid ISO 8601 date string"));
    }
    let slug = text("urlSlug");
    if is_taken(store, location, slug, own) {
        return Err(Reply::bad_request(&format!("urlSlug {slug} already exists")));
    }
    Ok(())
}

/// Whether a post other than `own` has this slug.
fn is_taken(store: &Store, location: &str, slug: &str, own: Option<&str>) -> bool {
    let mut posts = store.documents.of(KIND, location);
    posts.any(|post| post.text("urlSlug") == Some(slug) && own != Some(post.id.as_str()))
}

/// 400 unless the location has from the start what this id names.
fn check(
    store: &Store,
    location: &str,
    shown: &str,
    kind: &str,
    names: &[&'static str],
    id: &str,
) -> Result<(), Reply> {
    if stable(store, location, kind, names).any(|(other, _)| other == id) {
        Ok(())
    } else {
        Err(Reply::not_found(shown, id))
    }
}

/// Ids and names of what the location has from the start.
fn stable(
    store: &Store,
    location: &str,
    kind: &str,
    names: &[&'static str],
) -> impl Iterator<Item = (String, &'static str)> {
    let id = move |name: &&'static str| (store.stable_id(location, &format!("{kind} {name}")), *name);
    names.iter().map(id)
}

/// A post as GHL's reads give it: without its text.
fn view(post: &Document) -> Value {
    let mut view = post.view();
    for name in ["id", "locationId", "rawHTML"] {
        view.shift_remove(name);
    }
    view.insert("_id".to_owned(), json!(post.id));
    view.insert(
        "archived".to_owned(),
        json!(post.text("status") == Some("ARCHIVED")),
    );
    view.insert("updatedAt".to_owned(), json!(post.updated_at.to_string()));
    view.entry("tags").or_insert(json!([]));
    Value::Object(view)
}

/// The page of which the query says how many it leaves out and how many it has, as it must.
fn page(scene: &Scene<'_>, left_out: &str, rows: Vec<Value>) -> Result<Vec<Value>, Reply> {
    let number = |name: &str| scene.query(name).and_then(|text| text.parse::<usize>().ok());
    let missing = |name: &&str| number(name).is_none();
    let missing: Vec<String> = [left_out, "limit"]
        .iter()
        .filter(|name| missing(name))
        .map(|name| format!("{name} must be a number conforming to the specified constraints"))
        .collect();
    let (Some(skip), Some(limit)) = (number(left_out), number("limit")) else {
        return Err(Reply::unprocessable(&missing));
    };
    match limit {
        0 => Err(Reply::invalid("limit must not be less than 1")),
        1..=100 => Ok(rows.into_iter().skip(skip).take(limit).collect()),
        _ => Err(Reply::invalid("limit must not be greater than 100")),
    }
}

fn says(term: Option<&str>, text: &str) -> bool {
    term.is_none_or(|term| text.to_lowercase().contains(term))
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
