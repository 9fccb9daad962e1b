/**
 * Redaction: replaces secrets in a text by `<redacted>`: known values, and values in the place of a credential, such as after
 * `Bearer`, in the `token=` of an address or in the `"token"` of an object. Logs uses it.
 */
const HIDDEN = "<redacted>"

/** The names match the ends of names, such as `access_token` and `clientSecret`. */
const credentialPlaces: ReadonlyArray<readonly [RegExp, string]> = [
  [/(:\/\/[^\s:@/]*):[^\s@/]+@/g, `$1:${HIDDEN}@`],
  [/\b(bearer|basic)\s+[\w.~+/-]{8,}=*/gi, `$1 ${HIDDEN}`],
  [/(token|secret|password|api[_-]?key)=[^\s&"'<>,;]+/gi, `$1=${HIDDEN}`],
  [/((?:token|secret|password|api[_-]?key)["']\s*:\s*)"[^"\n]*"/gi, `$1"${HIDDEN}"`],
  [/((?:token|secret|password|api[_-]?key)["']\s*:\s*)'[^'\n]*'/gi, `$1'${HIDDEN}'`],
]

/** Shorter values are common in plain text. Replacing them would make the log unreadable and reveal them. */
const MIN_SECRET_CHARS = 6

/** Returns the text without the given secrets, also in URL encoding, and without credentials in known places. */
export const redact = (text: string, secrets: Iterable<string>): string => {
  let clean = text
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_CHARS) continue
    clean = clean.replaceAll(secret, HIDDEN).replaceAll(encodeURIComponent(secret), HIDDEN)
  }
  for (const [pattern, replacement] of credentialPlaces) clean = clean.replace(pattern, replacement)
  return clean
}
