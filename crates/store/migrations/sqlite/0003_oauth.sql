-- The tokens of a GHL connection that came by OAuth: the pair is sealed. `version` grows with every pair. While a
-- refresh may be under way, `claimed_until` says how long nobody else may send one: a refresh token works once.
CREATE TABLE oauth_tokens (
    connection_id TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until INTEGER,
    dead_because TEXT
) STRICT, WITHOUT ROWID;

-- Authorizations that a person has begun: the hash of their `state`.
CREATE TABLE oauth_states (
    state_hash TEXT NOT NULL PRIMARY KEY,
    connection_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
