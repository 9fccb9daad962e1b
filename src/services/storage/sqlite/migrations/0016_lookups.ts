/** Adds indexes for the session of a transcript and for the device of a token, so that neither lookup reads all rows. */
export default `
  CREATE INDEX sessions_of_transcript ON sessions (coalesce(transcript, key));
  CREATE INDEX device_grants_of_token ON device_grants (token_hash) WHERE token_hash IS NOT NULL
`
