/** Adds an index that finds the newest summary of a session without a look at its other messages. */
export default `
  CREATE INDEX messages_summaries ON messages (session_key, id) WHERE summary_up_to IS NOT NULL
`
