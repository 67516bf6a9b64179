-- Lists and things that are watched. `id` is a hash of connection, operation and inputs: automations that ask for the same
-- share one. `next_at` is set while an automation asks for it; `owner` polls it until `lease_until`. `round` is raised by
-- every claim. `cursor` is the newest change that was seen, `baseline_at` when all that was there had been seen once,
-- `existing_for` the automations (JSON) that have been given what was there.
CREATE TABLE polls (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    inputs TEXT COLLATE "C" NOT NULL,
    every_ms BIGINT NOT NULL,
    next_at BIGINT,
    owner TEXT COLLATE "C",
    lease_until BIGINT,
    round BIGINT NOT NULL DEFAULT 0,
    cursor BIGINT,
    baseline_at BIGINT,
    existing_for TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    idle_since BIGINT,
    last_at BIGINT,
    last_calls BIGINT,
    last_items BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    error_code TEXT COLLATE "C",
    error TEXT COLLATE "C"
);
CREATE INDEX polls_due ON polls (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX polls_owned ON polls (owner) WHERE owner IS NOT NULL;

-- What a poll has seen: who it is and what it was like, both hashed.
CREATE TABLE poll_items (
    poll_id TEXT COLLATE "C" NOT NULL,
    item BYTEA NOT NULL,
    state BYTEA NOT NULL,
    changed_at BIGINT,
    PRIMARY KEY (poll_id, item)
);

-- When a schedule is due next. `id` is a hash of connection, cron and zone.
CREATE TABLE schedules (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    next_at BIGINT NOT NULL
);
