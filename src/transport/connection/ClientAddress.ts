/**
 * ClientAddress: finds the address of a client. It is the address of the connection or, behind trusted proxies, the one in
 * the configured header. No other header counts, because clients can send them through a proxy. Upgrades.ts, HttpAuth.ts,
 * HttpGuard.ts and TcpConnections.ts use it.
 */
import type { IncomingHttpHeaders } from "node:http"
import { isAddress, isLoopback, isWithin, parseRange, type Range } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { hostName } from "./Origin.ts"

/** Returns 10.0.0.1 for `::ffff:10.0.0.1`, so that a client has one address over IPv4 and IPv6 sockets. */
export const normalizeAddress = (address: string): string =>
  address.startsWith("::ffff:") ? address.slice(7) : address

/** Returns the `for` of a `Forwarded` element (RFC 7239), or the text itself for other headers. */
const addressIn = (hop: string): string => /(?:^|;)\s*for="?([^";]*)/i.exec(hop)?.[1] ?? hop

/** Removes the port that some proxies add: `10.0.0.1:443`, `[fd00::1]:443`. */
const withoutPort = (hop: string): string => /^\[([^\]]*)\]/.exec(hop)?.[1] ?? hop.replace(/^([^:]*):\d+$/, "$1")

type Headers = Readonly<Pick<IncomingHttpHeaders, string>>

/** The proxies in front of the gateway, and the header in which they give the client's address. */
export interface Proxies {
  readonly trusted: ReadonlyArray<Range>
  /** The header's name in lower case. */
  readonly header: string
}

export const proxiesOf = ({
  clientAddressHeader,
  trustedProxies,
}: Pick<GatewaySettings, "clientAddressHeader" | "trustedProxies">): Proxies => ({
  trusted: trustedProxies.flatMap((range) => parseRange(range) ?? []),
  header: clientAddressHeader.toLowerCase(),
})

/** Whether the connection comes from a trusted proxy, and so may carry many clients. */
export const isProxy = ({ trusted }: Proxies, connected: string): boolean =>
  isWithin(trusted, normalizeAddress(connected))

/**
 * Returns the client's address. `connected`: the address of the connection. Each proxy appends the address that it serves,
 * so the list is read from its end, as far as trusted proxies wrote it.
 */
export const clientAddress = (
  { header, trusted }: Proxies,
  connected: string | undefined,
  headers: Headers,
): string => {
  let address = normalizeAddress(connected ?? "")
  if (trusted.length === 0) return address
  const forwarded = headers[header] === undefined ? [] : String(headers[header]).split(",")
  for (const hop of forwarded.toReversed()) {
    if (!isWithin(trusted, address)) return address
    const served = withoutPort(addressIn(hop.trim()))
    if (!isAddress(served)) return address
    address = normalizeAddress(served)
  }
  return address
}

/** Headers that proxies add, besides `X-Forwarded-*`. */
const FORWARDING = new Set([
  "via",
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "true-client-ip",
  "cf-connecting-ip",
  "fastly-client-ip",
])

/** Whether a header shows that a proxy forwarded the request. */
export const isForwarded = ({ header }: Proxies, headers: Headers): boolean =>
  Object.keys(headers).some((name) => name === header || name.startsWith("x-forwarded-") || FORWARDING.has(name))

/**
 * Whether a program on this machine sends the request itself: it connects from a loopback address that is not a trusted
 * proxy, calls the gateway by a loopback name, and no proxy forwarded the request.
 */
export const isDirect = (proxies: Proxies, connected: string, headers: Headers): boolean =>
  isLoopback(normalizeAddress(connected)) &&
  !isProxy(proxies, connected) &&
  isLoopback(hostName(headers["host"] === undefined ? undefined : String(headers["host"])) ?? "") &&
  !isForwarded(proxies, headers)
