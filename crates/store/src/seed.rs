//! Many finished runs at once, for measuring a store that has been in use for long. Only with the feature `seed`.

use crate::db::{Error, Tx};
use crate::inbox::{self, Delivery};

/// Takes `deliveries` and writes their runs as done, each with three steps of one call each. For a store that holds no
/// other unfinished run and that nobody works.
pub fn finished_runs(tx: &mut dyn Tx, deliveries: &[Delivery]) -> Result<(), Error> {
    inbox::take(tx, deliveries)?;
    // The ids of a run's calls are its own but for the last character, which is random in a run's id.
    for statement in [
        "INSERT INTO steps (event_id, automation_id, step_id, place, run_id, state, output, updated_at) \
         SELECT r.event_id, r.automation_id, s.step_id, s.place, r.id, 'done', \
         '{\"contact\":{\"id\":\"seeded\"},\"succeeded\":true}', r.created_at FROM runs r CROSS JOIN \
         (SELECT 'contact' AS step_id, 1 AS place UNION ALL SELECT 'tags', 2 UNION ALL SELECT 'note', 3) s \
         WHERE r.finished_at IS NULL",
        "INSERT INTO calls (id, run_id, step_id, part, connection_id, operation, request, response, http_status, \
         outcome, sent_at, finished_at) SELECT 'call_' || substr(r.id, 5, 25) || s.mark, r.id, s.step_id, 0, \
         e.connection_id, s.operation, '{\"method\":\"POST\",\"path\":\"/contacts/\",\"inputs\":{}}', \
         '{\"contact\":{\"id\":\"seeded\"}}', 200, 'ok', r.created_at, r.created_at \
         FROM runs r JOIN events e ON e.id = r.event_id CROSS JOIN \
         (SELECT 'contact' AS step_id, 'ghl.contacts.create' AS operation, '0' AS mark \
         UNION ALL SELECT 'tags', 'ghl.contacts.add_tags', '1' \
         UNION ALL SELECT 'note', 'ghl.contacts.create_note', '2') s WHERE r.finished_at IS NULL",
        "UPDATE lanes SET ready_at = NULL WHERE id IN (SELECT lane_id FROM runs WHERE finished_at IS NULL)",
        "UPDATE runs SET state = 'done', started_at = created_at, finished_at = created_at \
         WHERE finished_at IS NULL",
    ] {
        tx.execute(statement, &[])?;
    }
    Ok(())
}
