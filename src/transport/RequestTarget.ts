/**
 * What an HTTP request asks for: path and query of its target, as they are written. A request may also name the whole
 * URL (RFC 9112 3.2.2): what it says before the path is nothing to go by. Pure and total.
 */

const relative = (target: string): string =>
  target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "")

export const pathOf = (target: string): string => {
  const path = relative(target)
  const end = path.indexOf("?")
  return (end === -1 ? path : path.slice(0, end)) || "/"
}

export const queryOf = (target: string): URLSearchParams => {
  const begin = target.indexOf("?")
  return new URLSearchParams(begin === -1 ? "" : target.slice(begin + 1))
}
