-- Times are milliseconds since 1970, ids and JSON are text.
-- Tables with small rows under a text key are WITHOUT ROWID: one tree instead of two.

-- Small facts about this installation.
CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `settings` is JSON without secrets. `state` is ok or paused.
CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    hook_key TEXT,
    last_checked_at INTEGER,
    last_received_at INTEGER,
    state TEXT NOT NULL,
    state_code TEXT,
    state_reason TEXT,
    state_since INTEGER,
    probe_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX connections_by_name ON connections (workspace_id, name);
CREATE UNIQUE INDEX connections_by_hook_key ON connections (hook_key);

CREATE TABLE contacts (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    lane_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a contact is found by: e-mail, ThriveCart customer id, …
CREATE TABLE contact_aliases (
    workspace_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);

-- The contact's id in an outside account, and (separated by commas) the fields known to be filled there.
CREATE TABLE contact_links (
    contact_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    filled TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (contact_id, connection_id)
) STRICT, WITHOUT ROWID;

-- The newest state that was set on a contact, so that a late event doesn't undo it.
CREATE TABLE contact_states (
    contact_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    key TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    PRIMARY KEY (contact_id, connection_id, key)
) STRICT, WITHOUT ROWID;

-- Ids sort by time, so the primary key serves paging. `items` is `,product-12,bump-3,`; `body` is lz4.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    contact_id TEXT,
    lane_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    mode TEXT,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    email TEXT,
    order_id TEXT,
    items TEXT NOT NULL,
    amount_minor INTEGER,
    currency TEXT,
    repeats INTEGER NOT NULL DEFAULT 0,
    last_repeat_at INTEGER,
    content_type TEXT,
    body BLOB
) STRICT;
CREATE INDEX events_by_contact ON events (contact_id, id);

-- Every key under which an event is known, hashed with its connection: any match is the same event.
CREATE TABLE event_keys (
    digest BLOB NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The unit of order. `id` is the contact's, or the connection's for events without one. `ready_at` is set while there
-- is something to do (while it is owned: the end of the lease), `waiting_on` names the paused connection that holds the lane up.
CREATE TABLE lanes (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    ready_at INTEGER,
    waiting_on TEXT,
    owner TEXT,
    taken_from TEXT,
    fence INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_ready ON lanes (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX lanes_owned ON lanes (owner) WHERE owner IS NOT NULL;
CREATE INDEX lanes_waiting ON lanes (waiting_on) WHERE waiting_on IS NOT NULL;

-- A removed one stays for the runs that name it.
CREATE TABLE automations (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX automations_by_name ON automations (workspace_id, name);

CREATE TABLE automation_versions (
    automation_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    author TEXT,
    PRIMARY KEY (automation_id, version)
) STRICT;

-- A run without `finished_at` holds its place in its lane.
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    lane_id TEXT NOT NULL,
    lane_seq INTEGER NOT NULL,
    after_lane TEXT,
    event_id TEXT NOT NULL,
    automation_id TEXT NOT NULL,
    automation_version INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    held_ms INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error TEXT,
    warnings TEXT,
    after_note TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    is_replay INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_unfinished ON runs (lane_id, lane_seq) WHERE finished_at IS NULL;
CREATE INDEX runs_by_event ON runs (event_id);
CREATE INDEX runs_failed ON runs (id) WHERE state = 'failed';

-- The effect of a step, once for each event and automation: a replay finds it here.
CREATE TABLE steps (
    event_id TEXT NOT NULL,
    automation_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    state TEXT NOT NULL,
    output TEXT,
    reason TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (event_id, automation_id, step_id)
) STRICT;

-- The journal of requests. `outcome` is intent, ok, not_sent, unclear, rejected, confirmed, absent or gone.
CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    connection_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT,
    http_status INTEGER,
    outcome TEXT NOT NULL,
    answer TEXT,
    error TEXT,
    trace_id TEXT,
    sent_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX calls_by_run ON calls (run_id, id);

-- Refused deliveries, encrypted.
CREATE TABLE quarantine (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    sealed BLOB NOT NULL,
    released_at INTEGER
) STRICT;

-- What an outside account allows, as learned from its answers, and which node may spend what of it.
CREATE TABLE budgets (
    connection_id TEXT NOT NULL PRIMARY KEY,
    max_requests INTEGER,
    interval_ms INTEGER,
    daily_limit INTEGER,
    daily_left INTEGER,
    daily_reset_at INTEGER,
    learned_at INTEGER,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_grants (
    connection_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    slots INTEGER NOT NULL,
    daily INTEGER NOT NULL,
    wants_more INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (connection_id, node_id)
) STRICT, WITHOUT ROWID;
