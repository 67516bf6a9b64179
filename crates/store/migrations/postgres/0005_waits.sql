-- A run that waits is out of its lane. It comes back at `wake_at`, or when its contact has an event of one of the kinds
-- `waits_for` (`,order.refund,order.success,`) behind the event `waits_after`.
ALTER TABLE runs ADD COLUMN wake_at BIGINT;
ALTER TABLE runs ADD COLUMN waits_for TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN waits_after TEXT COLLATE "C";
CREATE INDEX runs_waiting ON runs (wake_at) WHERE state = 'waiting';
