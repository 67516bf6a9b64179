//! Versions of automations and the audit log.

use std::collections::BTreeSet;

use cartlane_model::{UnixMs, WorkspaceId};
use cartlane_store::audit::{self, Action, Entry, Filter};
use cartlane_store::automations::{self, Applied, Save};
use cartlane_store::{Db, Dialect, Error, connections, migrate};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::common::{Fixture, open};

const WORKSPACE: WorkspaceId = WorkspaceId::from_u128(1);

async fn migrated(dialect: Dialect) -> Fixture {
    let fixture = open(dialect);
    migrate(&fixture.db).await.expect("the schema is made");
    let workspace = fixture
        .db
        .write(|tx| connections::ensure_workspace(tx, WORKSPACE, UnixMs(1)));
    workspace.await.expect("a workspace");
    fixture
}

async fn save(db: &Db, name: &'static str, document: Json, author: &'static str) -> Result<Applied, Error> {
    db.write(move |tx| {
        automations::apply(
            tx,
            &Save {
                workspace: WORKSPACE,
                name,
                document: &document,
                author,
                note: (author == "ada").then_some("why"),
                now: UnixMs(7),
            },
        )
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_who_save_at_once_gets_a_version_of_its_own(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = migrated(dialect).await;
    let saves = (0..12).map(|n| {
        let db = fixture.db.clone();
        tokio::spawn(async move { save(&db, "A", json!({"n": n}), "ada").await })
    });
    for save in saves.collect::<Vec<_>>() {
        let applied = save.await.expect("no panic").expect("it is saved");
        assert_ne!(applied, Applied::Unchanged);
    }
    let (rows, documents) = fixture
        .db
        .read(|tx| {
            let id = automations::list(tx)?[0].id;
            let rows = automations::versions(tx, id)?;
            let documents = rows.iter().map(|row| automations::version(tx, id, row.version));
            let documents = documents.collect::<Result<Vec<_>, Error>>()?;
            Ok::<_, Error>((rows, documents))
        })
        .await
        .expect("versions");
    let numbers: Vec<i64> = rows.iter().map(|row| row.version).collect();
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>(), "newest first");
    assert_eq!(rows[0].author.as_deref(), Some("ada"));
    assert_eq!(rows[0].note.as_deref(), Some("why"));
    let documents: BTreeSet<String> = documents.into_iter().flatten().map(|d| d.to_string()).collect();
    assert_eq!(documents.len(), 12, "nobody's document is lost");
}

#[rstest]
#[tokio::test]
async fn automations_that_are_put_first_leave_the_order_of_the_others(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = migrated(dialect).await;
    for name in ["A", "B", "C", "D"] {
        save(&fixture.db, name, json!({}), "bob").await.expect("saved");
    }
    let names = fixture
        .db
        .write(|tx| {
            let rows = automations::list(tx)?;
            automations::put_first(tx, &[rows[3].id, rows[1].id])?;
            let rows = automations::list(tx)?;
            Ok::<_, Error>(rows.into_iter().map(|row| row.name).collect::<Vec<_>>())
        })
        .await
        .expect("the order");
    assert_eq!(names, ["D", "B", "A", "C"]);
}

fn entry(actor: &str, action: Action, subject: &str, at: i64) -> Entry {
    Entry {
        workspace_id: WORKSPACE,
        at: UnixMs(at),
        actor: actor.to_owned(),
        action: action.as_str().to_owned(),
        subject: subject.to_owned(),
        detail: json!({"version": at}),
    }
}

#[rstest]
#[tokio::test]
async fn audit_log_is_listed_newest_first_by_filter_and_only_grows(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = migrated(dialect).await;
    let entries = [
        entry("ada", Action::AutomationSaved, "A", 1),
        entry("bob", Action::AutomationEnabled, "A", 2),
        entry("ada", Action::SecretRotated, "crm", 3),
    ];
    let written = entries.clone();
    fixture
        .db
        .write(move |tx| written.iter().try_for_each(|entry| audit::append(tx, entry)))
        .await
        .expect("written");
    let listed = async |filter: Filter| -> Vec<i64> {
        let read = fixture.db.read(move |tx| audit::list(tx, &filter, 10)).await;
        read.expect("a list").iter().map(|row| row.entry.at.0).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default();
    assert_eq!(listed(all.clone()).await, [3, 2, 1]);
    let actor = text("ada");
    assert_eq!(listed(Filter { actor, ..all.clone() }).await, [3, 1]);
    let action = text("automation");
    assert_eq!(
        listed(Filter {
            action,
            ..all.clone()
        })
        .await,
        [2, 1],
        "of a noun"
    );
    let action = text("automation.enabled");
    assert_eq!(
        listed(Filter {
            action,
            ..all.clone()
        })
        .await,
        [2]
    );
    let action = text("auto");
    assert_eq!(
        listed(Filter {
            action,
            ..all.clone()
        })
        .await,
        [0; 0],
        "no noun"
    );
    let subject = text("crm");
    assert_eq!(
        listed(Filter {
            subject,
            ..all.clone()
        })
        .await,
        [3]
    );
    let (from, to) = (Some(UnixMs(2)), Some(UnixMs(3)));
    assert_eq!(
        listed(Filter {
            from,
            to,
            ..all.clone()
        })
        .await,
        [2]
    );
    let newest = fixture.db.read(|tx| audit::list(tx, &Filter::default(), 1)).await;
    let newest = newest.expect("a list").remove(0);
    assert_eq!(newest.entry, entries[2]);
    let before = Some(newest.number);
    assert_eq!(
        listed(Filter { before, ..all }).await,
        [2, 1],
        "the page after it"
    );
    for change in ["UPDATE audit_log SET actor = 'eve'", "DELETE FROM audit_log"] {
        let refused = fixture.db.write(|tx| tx.execute(change, &[])).await;
        let refused = refused.expect_err("the log only grows").to_string();
        assert!(refused.contains("the audit log only grows"), "{refused}");
    }
    assert_eq!(listed(Filter::default()).await, [3, 2, 1]);
}

#[test]
fn every_action_is_listed_once_with_its_noun() {
    let names: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    assert_eq!(names.len(), Action::ALL.len());
    assert!(names.iter().all(|name| name.split('.').count() == 2), "{names:?}");
}
