-- Who turned out to be the same person as whom, by which event: the events of the joined contact keep its id.
CREATE TABLE contact_joins (
    contact_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    joined_into TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL
);
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
    connection_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    events BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, key)
);
CREATE INDEX seen_items_by_workspace ON seen_items (workspace_id);

-- Of the events that are there already, whose items' names are in their bodies only: names come with new events.
INSERT INTO seen_items (connection_id, key, workspace_id, name, events, first_seen_at, last_seen_at)
    SELECT connection_id, key, workspace_id, NULL, COUNT(*), MIN(received_at), MAX(received_at)
    FROM events, UNNEST(STRING_TO_ARRAY(BTRIM(items, ','), ',')) AS split (key)
    WHERE items <> '' AND key <> '' AND LENGTH(key) <= 200 GROUP BY connection_id, key, workspace_id;
