/** Adds how a turn waits, and the run that took its message over. */
export default [
  `ALTER TABLE turns ADD COLUMN queue text NOT NULL DEFAULT 'followup', ADD COLUMN taken_by text COLLATE "C"`,
  `CREATE INDEX turns_taken ON turns (taken_by) WHERE taken_by IS NOT NULL`,
]
