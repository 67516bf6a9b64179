-- A connection is declared by the configuration (`file`), or was `added` while the server ran. `version` grows with
-- every change of its settings and secrets, so that other nodes see it. A removed one keeps its row, for its events.
ALTER TABLE connections ADD COLUMN origin TEXT NOT NULL DEFAULT 'file';
ALTER TABLE connections ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE connections ADD COLUMN removed_at INTEGER;
DROP INDEX connections_by_name;
CREATE UNIQUE INDEX connections_by_name ON connections (workspace_id, name) WHERE removed_at IS NULL;

-- The secrets of a connection, sealed in one; its web hooks' key is among them now.
DROP INDEX connections_by_hook_key;
ALTER TABLE connections DROP COLUMN hook_key;
CREATE TABLE connection_secrets (
    connection_id TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What a person has agreed to, separated by spaces.
ALTER TABLE oauth_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
