-- The tokens of a GHL connection that came by OAuth: the pair is sealed. `version` grows with every pair. While a
-- refresh may be under way, `claimed_until` says how long nobody else may send one: a refresh token works once.
CREATE TABLE oauth_tokens (
    connection_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sealed BYTEA NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    claimed_by TEXT COLLATE "C",
    claimed_until BIGINT,
    dead_because TEXT COLLATE "C"
);

-- Authorizations that a person has begun: the hash of their `state`.
CREATE TABLE oauth_states (
    state_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    connection_id TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);
