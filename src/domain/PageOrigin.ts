/**
 * Page origins as `scheme://host[:port]`: reads the `Origin` header and validates the option `allowedOrigins`.
 * `URL.origin` does not work here: it is "null" for every scheme outside the URL standard, e.g. `chrome-extension:`.
 */

/**
 * Returns scheme, host and port of a URL, without the scheme's own port. Returns `undefined` for a text without a
 * scheme or a host. Chromium sends `file://` for pages from disk, the only origin without a host.
 */
export const originOf = (text: string): string | undefined => {
  if (!URL.canParse(text)) return undefined
  const { host, protocol } = new URL(text)
  return host === "" && protocol !== "file:" ? undefined : `${protocol}//${host}`
}

/** Returns why an entry of `allowedOrigins` is not an origin. Returns `undefined` if it is one. */
export const originProblem = (entry: string): string | undefined => {
  if (entry.includes("*")) return "patterns are not supported: list each origin, e.g. https://dash.example.org"
  if (entry === "null")
    return "any sandboxed page has the origin null: give the page an origin of its own and list that"
  const origin = entry.includes("://") ? originOf(entry) : undefined
  if (origin === undefined) return "not an origin: write scheme and host, e.g. https://dash.example.org"
  const { hash, password, pathname, search, username } = new URL(entry)
  const more = [username, password, search, hash, pathname.replace(/^\/$/, "")]
  return more.every((part) => part === "") ? undefined : `an origin has no path and no user: write ${origin}`
}
