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
