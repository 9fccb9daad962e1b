/**
 * UpstreamVariables: reads the variables by which programs that show a fleet name their one gateway: GATEWAY_WS_URL and
 * OPENCLAW_GATEWAY_TOKEN, and for its REST address GATEWAY_URL and GATEWAY_POLL_INTERVAL. LoadConfig.ts turns them into an
 * entry of `fleet.upstreams`.
 */
import type { Environment } from "./Environment.ts"

const SOCKET_VARIABLE = "GATEWAY_WS_URL"
const REST_VARIABLE = "GATEWAY_URL"
const INTERVAL_VARIABLE = "GATEWAY_POLL_INTERVAL"
const TOKEN_VARIABLE = "OPENCLAW_GATEWAY_TOKEN"
const TOKEN_FILE_VARIABLE = "OPENCLAW_GATEWAY_TOKEN_FILE"

/** The name of the gateway that the variables name. */
const NAME = "openclaw"

export interface UpstreamEntry {
  /** The variable that names the gateway, for messages. */
  readonly origin: string
  /** The variables of single fields, for messages. */
  readonly fieldOrigins: Readonly<Record<string, string>>
  readonly entry: { readonly name: string; readonly url: string; readonly [field: string]: unknown }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Returns the milliseconds of a duration such as `5s`, `1m30s` or `5`, which are seconds. Returns other text unchanged. */
const milliseconds = (text: string): number | string => {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  if (!/^(\d{1,9}(ms|s|m|h))+$/.test(text)) return text
  return [...text.matchAll(/(\d{1,9})(ms|s|m|h)/g)].reduce(
    (sum, [, n, unit = ""]) => sum + Number(n) * unitMs[unit]!,
    0,
  )
}

/** Returns the address of the WebSocket on the host of a REST address, or `undefined` if the text is no such address. */
const socketOf = (text: string): string | undefined => {
  const url = URL.parse(text)
  // Other programs keep the address of their gateway under the same name: it has no path, or the scheme ws.
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname === "/") return undefined
  return `${url.protocol === "https:" ? "wss" : "ws"}://${url.host}/`
}

/** Returns the gateway of the variables, or `undefined`. An empty variable counts as not set. */
export const upstreamIn = (environment: Environment): UpstreamEntry | undefined => {
  const given = (name: string) => environment[name] || undefined
  const rest = given(REST_VARIABLE)
  const url = given(SOCKET_VARIABLE) ?? socketOf(rest ?? "")
  if (url === undefined) return undefined
  const interval = given(INTERVAL_VARIABLE)
  const tokenFile = given(TOKEN_FILE_VARIABLE)
  return {
    origin: given(SOCKET_VARIABLE) === undefined ? REST_VARIABLE : SOCKET_VARIABLE,
    fieldOrigins: { pollUrl: REST_VARIABLE, pollMs: INTERVAL_VARIABLE },
    entry: {
      name: NAME,
      url,
      tokenVariable: TOKEN_VARIABLE,
      ...(tokenFile !== undefined && { tokenFile }),
      ...(rest !== undefined && { pollUrl: rest }),
      ...(interval !== undefined && { pollMs: milliseconds(interval) }),
    },
  }
}

/**
 * Returns the variables of this gateway's own options. Beside an upstream gateway, OPENCLAW_GATEWAY_TOKEN is the token of
 * that gateway. It must not open this one.
 */
export const ownVariables = (environment: Environment): Environment => {
  if (upstreamIn(environment) === undefined) return environment
  const { [TOKEN_VARIABLE]: _token, [TOKEN_FILE_VARIABLE]: _file, ...own } = environment
  return own
}
