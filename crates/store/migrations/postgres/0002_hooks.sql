-- Polls count against half of the day: how many requests they made in which hour since 1970 (UTC) …
CREATE TABLE budget_polls (
    connection_id TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    PRIMARY KEY (connection_id, hour)
);
-- … and how many a node may still make.
ALTER TABLE budget_grants ADD COLUMN polls BIGINT NOT NULL DEFAULT 0;

-- Where the vendor's app is installed, by its web hooks: `owner` is location/ID or company/ID.
CREATE TABLE app_installs (
    workspace_id TEXT COLLATE "C" NOT NULL,
    app_id TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    is_installed BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, app_id, owner)
);

-- A contact is also found by its id in an outside account that we have written to.
INSERT INTO contact_aliases (workspace_id, kind, value, contact_id, created_at)
    SELECT c.workspace_id, 'customer', l.connection_id || '/' || l.remote_id, c.id, l.updated_at
    FROM contact_links l JOIN contacts c ON c.id = l.contact_id WHERE TRUE
    ON CONFLICT DO NOTHING;
