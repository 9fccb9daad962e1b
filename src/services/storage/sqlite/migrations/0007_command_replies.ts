/** Adds the gateway's own replies to commands, which are in no transcript. */
export default `
  ALTER TABLE turns ADD COLUMN reply TEXT
`
