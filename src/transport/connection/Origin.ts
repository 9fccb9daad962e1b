/**
 * Origin: decides whether the page that sends a request may use the gateway. A page of any site can reach 127.0.0.1 through
 * a browser, which then sends `Origin` or `Sec-Fetch-Site`. Other clients send neither. Upgrades.ts, HttpAuth.ts and
 * HttpGuard.ts use these pure functions.
 */
import type { IncomingHttpHeaders } from "node:http"
import { isLoopback } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { originOf } from "../../domain/PageOrigin.ts"

/** The refusal of a page that may not use the gateway. */
export const FOREIGN = "this page's origin is not allowed"

const parse = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

/** The most frequent hosts. Parsing a URL costs as much as a twentieth of a connection. */
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(?::[1-5]?\d{1,4})?$/

/** Returns the name in a `Host` header, without the port; `undefined` if it holds none. */
export const hostName = (host: string | undefined): string | undefined =>
  host === undefined ? undefined : (LOOPBACK.exec(host)?.[1] ?? parse(`http://${host}`)?.hostname)

export interface OriginPolicy {
  /** The configured origins, as `originOf` writes them. */
  readonly allowed: ReadonlySet<string>
  /** The host names of the configured web origins. */
  readonly names: ReadonlySet<string>
  /**
   * Whether every client that reaches the port is trusted (auth `none`). Then the gateway's own name must be a loopback
   * name or a configured one: a site that rebinds its DNS name to 127.0.0.1 has the same origin as the gateway, and
   * browsers send no `Origin` for same-origin requests.
   */
  readonly open: boolean
}

export const originPolicy = ({
  allowedOrigins,
  auth,
}: Pick<GatewaySettings, "allowedOrigins" | "auth">): OriginPolicy => ({
  allowed: new Set(allowedOrigins.flatMap((entry) => originOf(entry) ?? [])),
  names: new Set(allowedOrigins.flatMap((entry) => (isWeb(parse(entry)) ? (parse(entry)?.hostname ?? []) : []))),
  open: auth === "none",
})

const isWeb = (url: URL | undefined): boolean => url?.protocol === "http:" || url?.protocol === "https:"

/** Whether the client calls the gateway by a name that no other site can own. */
const isOwnName = ({ names }: OriginPolicy, host: string): boolean => {
  const name = hostName(host)
  return name !== undefined && (isLoopback(name) || names.has(name))
}

/** Whether a page of this origin may use the gateway that it calls `host`. Programs send no origin. */
export const isOriginAllowed = (
  policy: OriginPolicy,
  origin: string | undefined,
  host: string | undefined,
): boolean => {
  if (origin === undefined) return !policy.open || host === undefined || isOwnName(policy, host)
  const page = parse(origin)
  if (page === undefined) return false
  if (policy.allowed.has(originOf(origin) ?? "")) return true
  const gateway = host === undefined ? undefined : parse(`${page.protocol}//${host}`)
  if (gateway === undefined) return false
  if (isLoopback(gateway.hostname)) return isLoopback(page.hostname)
  return !policy.open && isWeb(page) && page.host === gateway.host
}

type Headers = Readonly<Pick<IncomingHttpHeaders, string>>

const text = (header: string | ReadonlyArray<string> | undefined): string | undefined =>
  header === undefined ? undefined : String(header)

/**
 * Whether a page of another site sends the request. Browsers send `Origin` or, for images, scripts, frames and links,
 * `Sec-Fetch-Site` (Fetch Metadata, 2.2).
 */
export const isForeign = (policy: OriginPolicy, headers: Headers): boolean => {
  const origin = text(headers["origin"])
  if (origin !== undefined) return !isOriginAllowed(policy, origin, text(headers["host"]))
  const site = headers["sec-fetch-site"]
  return site === "cross-site" || site === "same-site"
}

/** Whether the request may authenticate: it comes from a program, or from a page that may use the gateway. */
export const isPageAllowed = (policy: OriginPolicy, headers: Headers): boolean =>
  !isForeign(policy, headers) && isOriginAllowed(policy, text(headers["origin"]), text(headers["host"]))

/** Whether a person follows a link to the gateway or opens it in a tab. The site with the link cannot read the response. */
export const isNavigation = (method: string | undefined, headers: Headers): boolean =>
  (method === "GET" || method === "HEAD") &&
  headers["origin"] === undefined &&
  headers["sec-fetch-mode"] === "navigate" &&
  headers["sec-fetch-dest"] === "document"
