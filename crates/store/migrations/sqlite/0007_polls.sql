-- Lists and things that are watched. `id` is a hash of connection, operation and inputs: automations that ask for the same
-- share one. `next_at` is set while an automation asks for it; `owner` polls it until `lease_until`. `round` is raised by
-- every claim. `cursor` is the newest change that was seen, `baseline_at` when all that was there had been seen once,
-- `existing_for` the automations (JSON) that have been given what was there.
CREATE TABLE polls (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    inputs TEXT NOT NULL,
    every_ms INTEGER NOT NULL,
    next_at INTEGER,
    owner TEXT,
    lease_until INTEGER,
    round INTEGER NOT NULL DEFAULT 0,
    cursor INTEGER,
    baseline_at INTEGER,
    existing_for TEXT NOT NULL DEFAULT '[]',
    idle_since INTEGER,
    last_at INTEGER,
    last_calls INTEGER,
    last_items INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX polls_due ON polls (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX polls_owned ON polls (owner) WHERE owner IS NOT NULL;

-- What a poll has seen: who it is and what it was like, both hashed.
CREATE TABLE poll_items (
    poll_id TEXT NOT NULL,
    item BLOB NOT NULL,
    state BLOB NOT NULL,
    changed_at INTEGER,
    PRIMARY KEY (poll_id, item)
) STRICT, WITHOUT ROWID;

-- When a schedule is due next. `id` is a hash of connection, cron and zone.
CREATE TABLE schedules (
    id TEXT NOT NULL PRIMARY KEY,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
