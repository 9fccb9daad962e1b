/**
 * JsonDepth: finds out how deep a JSON text nests, without parsing it, in one pass and without allocation. A deeply nested
 * value would overflow the stack of code that walks it recursively. The kernel, /rpc and RequestBody.ts check texts.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether the text has more than `limit` open brackets at once. The result means nothing if the text is not JSON. */
export const isDeeperThan = (limit: number, text: string): boolean => {
  // Each level takes two characters, one to open and one to close it.
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
