/**
 * Redaction: text without its secrets. Pure. It blacks out the values that it is told of, and what looks like a
 * credential by its place: after `Bearer`, in a `token=` of an address, in a `"token"` of an object.
 */
const HIDDEN = "<redacted>"

/** The names are ends of names: `access_token` and `clientSecret` are meant, too. */
const byPlace: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(bearer|basic)\s+[\w.~+/-]{8,}=*/gi, `$1 ${HIDDEN}`],
  [/(token|secret|password|api[_-]?key)=[^\s&"'<>,;]+/gi, `$1=${HIDDEN}`],
  [/((?:token|secret|password|api[_-]?key)["']\s*:\s*)"[^"\n]*"/gi, `$1"${HIDDEN}"`],
  [/((?:token|secret|password|api[_-]?key)["']\s*:\s*)'[^'\n]*'/gi, `$1'${HIDDEN}'`],
]

/** Shorter values are too common in plain text: hiding them would make the log unreadable and give them away. */
const SHORTEST_SECRET = 6

export const redact = (text: string, secrets: Iterable<string>): string => {
  let clean = text
  for (const secret of secrets) {
    if (secret.length < SHORTEST_SECRET) continue
    clean = clean.replaceAll(secret, HIDDEN).replaceAll(encodeURIComponent(secret), HIDDEN)
  }
  for (const [pattern, replacement] of byPlace) clean = clean.replace(pattern, replacement)
  return clean
}
