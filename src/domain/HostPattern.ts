/**
 * HostPattern: the hosts that an option permits, such as `example.org`, `*.example.org` or `example.org:8443`.
 * GatewayConfig checks the patterns, and the tool `http_fetch` applies them.
 */

const PATTERN = /^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:\d{1,5})?$/

const WEB_PORTS: ReadonlySet<string> = new Set(["80", "443"])

/** Returns what is wrong with a pattern, or `undefined`. */
export const hostProblem = (pattern: string): string | undefined =>
  PATTERN.test(pattern)
    ? undefined
    : "must be a host in lower case such as example.org, *.example.org or example.org:8443"

/** Returns whether a pattern permits the host and the port. A pattern without a port permits 80 and 443. */
export const permitsHost = (patterns: ReadonlyArray<string>, host: string, port: string): boolean =>
  patterns.some((pattern) => {
    const [name = "", wantedPort] = pattern.split(":")
    const isPort = wantedPort === undefined ? WEB_PORTS.has(port) : wantedPort === port
    return isPort && (name === "*" || (name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name))
  })
