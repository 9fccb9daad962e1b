/**
 * How deep a JSON text nests, found without parsing it: what walks a parsed value recursively should never be given
 * one that is deep enough to break it. One pass, no allocation.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether the text opens more brackets at once than `limit`. Says nothing about texts that are not JSON. */
export const isDeeperThan = (limit: number, text: string): boolean => {
  // Each level needs a bracket to open and one to close it.
  if (text.length <= 2 * limit) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (quoted) {
      if (code === BACKSLASH) i++
      else if (code === QUOTE) quoted = false
    } else if (code === QUOTE) {
      quoted = true
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return true
    } else if (code === 0x5d || code === 0x7d) {
      depth--
    }
  }
  return false
}
