/**
 * UpstreamVariables: reads the variables by which programs that show a fleet name their one gateway: GATEWAY_WS_URL and
 * OPENCLAW_GATEWAY_TOKEN. LoadConfig.ts makes an entry of `fleet.upstreams` of them.
 */
import type { Environment } from "./Environment.ts"

const URL_VARIABLE = "GATEWAY_WS_URL"
const TOKEN_VARIABLE = "OPENCLAW_GATEWAY_TOKEN"
const TOKEN_FILE_VARIABLE = "OPENCLAW_GATEWAY_TOKEN_FILE"

/** The name of the gateway that the variables name. */
const NAME = "openclaw"

export interface UpstreamEntry {
  /** The variable that names the gateway, for messages. */
  readonly origin: string
  readonly entry: { readonly name: string; readonly url: string; readonly [field: string]: unknown }
}

/** Returns the gateway of the variables, or `undefined`. An empty variable counts as not set. */
export const upstreamIn = (environment: Environment): UpstreamEntry | undefined => {
  const url = environment[URL_VARIABLE] ?? ""
  const tokenFile = environment[TOKEN_FILE_VARIABLE] ?? ""
  if (url === "") return undefined
  return {
    origin: URL_VARIABLE,
    entry: { name: NAME, url, tokenVariable: TOKEN_VARIABLE, ...(tokenFile !== "" && { tokenFile }) },
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
