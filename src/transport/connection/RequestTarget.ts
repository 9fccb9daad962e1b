/**
 * RequestTarget: the path and the query of an HTTP request. A request may also name the whole URL (RFC 9112 3.2.2); the
 * gateway ignores the part before the path. Wires and HTTP routes use these pure functions.
 */

const relative = (target: string): string =>
  target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "")

/** Returns the path with single slashes and no trailing slash, as tables of paths have it. */
export const normalizePath = (path: string): string => {
  if (path.length < 2 || (!path.includes("//") && !path.endsWith("/"))) return path || "/"
  const parts = path.split("/").filter((part) => part !== "")
  return `/${parts.join("/")}`
}

export const pathOf = (target: string): string => {
  const path = relative(target)
  const end = path.indexOf("?")
  return normalizePath(end === -1 ? path : path.slice(0, end))
}

export const queryOf = (target: string): URLSearchParams => {
  const begin = target.indexOf("?")
  return new URLSearchParams(begin === -1 ? "" : target.slice(begin + 1))
}

/** Returns the target without the base path, or `undefined` if the target is outside of it. */
export const withinBase = (basePath: string, target: string): string | undefined => {
  if (basePath === "") return target
  const path = relative(target).replace(/^\/+/, "/")
  if (!path.startsWith(basePath)) return undefined
  const rest = path.slice(basePath.length)
  if (rest === "" || rest.startsWith("?")) return `/${rest}`
  return rest.startsWith("/") ? rest : undefined
}
