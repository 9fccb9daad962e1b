/**
 * Which browser pages may talk to the gateway. A page of any site can open a socket to 127.0.0.1, and the browser says
 * with whose page it is in: `Origin`. Clients that are no browsers send none. Pure; used on every wire and HTTP route.
 */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i

/** `localhost`, 127.0.0.0/8 or ::1, without a port. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

const parse = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

export interface OriginPolicy {
  /** Origins allowed by configuration, as `scheme://host[:port]`. */
  readonly allowed: ReadonlyArray<string>
  /**
   * Whether everybody who reaches the port is trusted (auth `none`). Then the page's own host must be a loopback name:
   * a site that rebinds its DNS name to 127.0.0.1 is of the same origin as the gateway, and for what a page gets from
   * its own origin browsers name none.
   */
  readonly open: boolean
}

/** Whether the client calls the gateway by a name that no other site can have. */
const isOwnName = ({ allowed }: OriginPolicy, host: string): boolean => {
  const name = parse(`http://${host}`)?.hostname
  return name !== undefined && (isLoopback(name) || allowed.some((page) => parse(page)?.hostname === name))
}

export const isOriginAllowed = (
  policy: OriginPolicy,
  origin: string | undefined,
  host: string | undefined,
): boolean => {
  if (origin === undefined) return !policy.open || host === undefined || isOwnName(policy, host)
  const page = parse(origin)
  if (page === undefined) return false
  if (policy.allowed.some((allowed) => parse(allowed)?.origin === page.origin)) return true
  const gateway = host === undefined ? undefined : parse(`${page.protocol}//${host}`)
  if (gateway === undefined) return false
  if (isLoopback(gateway.hostname)) return isLoopback(page.hostname)
  return !policy.open && page.host === gateway.host
}
