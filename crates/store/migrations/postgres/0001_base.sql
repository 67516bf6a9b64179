-- Times are milliseconds since 1970, ids and JSON are text.
-- Ids and keys are COLLATE "C": they sort as on SQLite, by bytes, and cheaply.

-- The moment, in milliseconds: the server's, moved by the session's offset (0 but in tests). STABLE, so that it can
-- bound an index scan, and of the statement rather than the clock, so that the planner can inline it.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)
        + CAST(coalesce(nullif(current_setting('cartlane.clock_offset_ms', true), ''), '0') AS BIGINT)
$$;

-- Small facts about this installation.
CREATE TABLE meta (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE workspaces (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- `settings` is JSON without secrets. `state` is ok or paused.
CREATE TABLE connections (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    hook_key TEXT COLLATE "C",
    last_checked_at BIGINT,
    last_received_at BIGINT,
    state TEXT NOT NULL,
    state_code TEXT,
    state_reason TEXT,
    state_since BIGINT,
    probe_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_by_name ON connections (workspace_id, name);
CREATE UNIQUE INDEX connections_by_hook_key ON connections (hook_key);

CREATE TABLE contacts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    lane_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- What a contact is found by: e-mail, ThriveCart customer id, …
CREATE TABLE contact_aliases (
    workspace_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, kind, value)
);
CREATE INDEX contact_aliases_by_contact ON contact_aliases (contact_id);

-- The contact's id in an outside account, and (separated by commas) the fields known to be filled there.
CREATE TABLE contact_links (
    contact_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    remote_id TEXT NOT NULL,
    filled TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, connection_id)
);

-- The newest state that was set on a contact, so that a late event doesn't undo it.
CREATE TABLE contact_states (
    contact_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, connection_id, key)
);

-- Ids sort by time, so the primary key serves paging. `items` is `,product-12,bump-3,`; `body` is lz4.
CREATE TABLE events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C",
    lane_id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    mode TEXT,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    email TEXT,
    order_id TEXT,
    items TEXT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    repeats BIGINT NOT NULL DEFAULT 0,
    last_repeat_at BIGINT,
    content_type TEXT,
    body BYTEA
);
ALTER TABLE events ALTER COLUMN body SET STORAGE EXTERNAL; -- it is compressed already
CREATE INDEX events_by_contact ON events (contact_id, id);

-- Every key under which an event is known, hashed with its connection: any match is the same event.
CREATE TABLE event_keys (
    digest BYTEA NOT NULL PRIMARY KEY,
    event_id TEXT COLLATE "C" NOT NULL
);

-- The unit of order. `id` is the contact's, or the connection's for events without one. `ready_at` is set while there
-- is something to do (while it is owned: the end of the lease), `waiting_on` names the paused connection that holds the lane up.
CREATE TABLE lanes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    next_seq BIGINT NOT NULL,
    ready_at BIGINT,
    waiting_on TEXT COLLATE "C",
    owner TEXT COLLATE "C",
    taken_from TEXT COLLATE "C",
    fence BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX lanes_ready ON lanes (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX lanes_owned ON lanes (owner) WHERE owner IS NOT NULL;
CREATE INDEX lanes_waiting ON lanes (waiting_on) WHERE waiting_on IS NOT NULL;

-- A removed one stays for the runs that name it.
CREATE TABLE automations (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    version BIGINT NOT NULL,
    enabled BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX automations_by_name ON automations (workspace_id, name);

CREATE TABLE automation_versions (
    automation_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    author TEXT,
    PRIMARY KEY (automation_id, version)
);

-- A run without `finished_at` holds its place in its lane.
CREATE TABLE runs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    lane_id TEXT COLLATE "C" NOT NULL,
    lane_seq BIGINT NOT NULL,
    after_lane TEXT COLLATE "C",
    event_id TEXT COLLATE "C" NOT NULL,
    automation_id TEXT COLLATE "C" NOT NULL,
    automation_version BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    held_ms BIGINT NOT NULL DEFAULT 0,
    error_code TEXT,
    error TEXT,
    warnings TEXT,
    after_note TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    is_replay BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX runs_unfinished ON runs (lane_id, lane_seq) WHERE finished_at IS NULL;
CREATE INDEX runs_by_event ON runs (event_id);
CREATE INDEX runs_failed ON runs (id) WHERE state = 'failed';

-- The effect of a step, once for each event and automation: a replay finds it here.
CREATE TABLE steps (
    event_id TEXT COLLATE "C" NOT NULL,
    automation_id TEXT COLLATE "C" NOT NULL,
    step_id TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    output TEXT,
    reason TEXT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (event_id, automation_id, step_id)
);

-- The journal of requests. `outcome` is intent, ok, not_sent, unclear, rejected, confirmed, absent or gone.
CREATE TABLE calls (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    step_id TEXT COLLATE "C" NOT NULL,
    part BIGINT NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    operation TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT,
    http_status BIGINT,
    outcome TEXT NOT NULL,
    answer TEXT,
    error TEXT,
    trace_id TEXT,
    sent_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX calls_by_run ON calls (run_id, id);

-- Refused deliveries, encrypted.
CREATE TABLE quarantine (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    released_at BIGINT
);

-- What an outside account allows, as learned from its answers, and which node may spend what of it.
CREATE TABLE budgets (
    connection_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    max_requests BIGINT,
    interval_ms BIGINT,
    daily_limit BIGINT,
    daily_left BIGINT,
    daily_reset_at BIGINT,
    learned_at BIGINT,
    updated_at BIGINT NOT NULL
);

CREATE TABLE budget_grants (
    connection_id TEXT COLLATE "C" NOT NULL,
    node_id TEXT COLLATE "C" NOT NULL,
    slots BIGINT NOT NULL,
    daily BIGINT NOT NULL,
    wants_more BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, node_id)
);
