/**
 * Adds a digest of each turn's text. It outlives the text, so that an idempotency key that returns with another text is
 * refused. Older turns have no digest.
 */
export default `
  ALTER TABLE turns ADD COLUMN text_digest TEXT
`
