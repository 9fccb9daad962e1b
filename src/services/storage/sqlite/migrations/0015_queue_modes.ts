/** Adds how a turn waits, and the run that took its message over. Rows of old versions wait for their own run. */
export default `
  ALTER TABLE turns ADD COLUMN queue TEXT;
  ALTER TABLE turns ADD COLUMN taken_by TEXT;
  CREATE INDEX turns_taken ON turns (taken_by) WHERE taken_by IS NOT NULL;
`
