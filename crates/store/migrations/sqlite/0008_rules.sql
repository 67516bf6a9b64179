-- Who turned out to be the same person as whom, by which event: the events of the joined contact keep its id.
CREATE TABLE contact_joins (
    contact_id TEXT NOT NULL PRIMARY KEY,
    joined_into TEXT NOT NULL,
    event_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_joins_by_keeper ON contact_joins (joined_into);

-- Those of before: an e-mail of theirs is another contact's now. By which event is not known: as if before all.
INSERT INTO contact_joins (contact_id, joined_into, event_id)
    SELECT e.contact_id, MIN(a.contact_id), '' FROM events e JOIN contact_aliases a
    ON a.workspace_id = e.workspace_id AND a.kind = 'email' AND a.value = LOWER(TRIM(e.email))
    WHERE e.contact_id <> a.contact_id
    AND NOT EXISTS (SELECT 1 FROM contact_aliases own WHERE own.contact_id = e.contact_id)
    GROUP BY e.contact_id;

-- What events were about, for lists to choose from: each item of each shop, with its newest name.
CREATE TABLE seen_items (
    connection_id TEXT NOT NULL,
    key TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    name TEXT,
    events INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (connection_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_items_by_workspace ON seen_items (workspace_id);

-- Of the events that are there already, whose items' names are in their bodies only: names come with new events.
INSERT INTO seen_items (connection_id, key, workspace_id, name, events, first_seen_at, last_seen_at)
    WITH RECURSIVE split (connection_id, workspace_id, at, key, rest) AS (
        SELECT connection_id, workspace_id, received_at, '', TRIM(items, ',') || ',' FROM events WHERE items <> ''
        UNION ALL
        SELECT connection_id, workspace_id, at, SUBSTR(rest, 1, INSTR(rest, ',') - 1), SUBSTR(rest, INSTR(rest, ',') + 1)
        FROM split WHERE rest <> ''
    )
    SELECT connection_id, key, workspace_id, NULL, COUNT(*), MIN(at), MAX(at) FROM split
    WHERE key <> '' AND LENGTH(key) <= 200 GROUP BY connection_id, key, workspace_id;
