/**
 * Which address a client has: that of its connection, or, behind proxies that the configuration trusts, the one that
 * they say they serve. What anybody else says of it is not believed, or a client could pass itself off as many.
 */
import type { IncomingHttpHeaders } from "node:http"
import { isAddress, isWithin, parseRange, type Range } from "../domain/Address.ts"

/** `::ffff:10.0.0.1` is 10.0.0.1: one client is one address, however it comes. */
export const normalizeAddress = (address: string): string =>
  address.startsWith("::ffff:") ? address.slice(7) : address

/** Some proxies write the port, too: `10.0.0.1:443`, `[fd00::1]:443`. */
const withoutPort = (hop: string): string => /^\[([^\]]*)\]/.exec(hop)?.[1] ?? hop.replace(/^([^:]*):\d+$/, "$1")

type Headers = Readonly<Pick<IncomingHttpHeaders, string>>

const listed = (header: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  header === undefined ? [] : String(header).split(",")

export const parseProxies = (ranges: ReadonlyArray<string>): ReadonlyArray<Range> =>
  ranges.flatMap((range) => parseRange(range) ?? [])

/**
 * `connected`: who has made the connection. Each proxy adds at the end whom it serves, so the list is read from there,
 * as far as those are trusted who wrote it.
 */
export const clientAddress = (
  proxies: ReadonlyArray<Range>,
  connected: string | undefined,
  headers: Headers,
): string => {
  let address = normalizeAddress(connected ?? "")
  if (proxies.length === 0) return address
  const forwarded = listed(headers["x-forwarded-for"] ?? headers["x-real-ip"])
  for (const hop of forwarded.toReversed()) {
    if (!isWithin(proxies, address)) return address
    const served = withoutPort(hop.trim())
    if (!isAddress(served)) return address
    address = normalizeAddress(served)
  }
  return address
}

/** By these a proxy says that the client is another than the one who connects. */
const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip"]

/** Whether the request says that it was passed on. */
export const isForwarded = (headers: Headers): boolean => forwarding.some((name) => headers[name] !== undefined)
