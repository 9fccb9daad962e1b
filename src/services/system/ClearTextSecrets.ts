/**
 * ClearTextSecrets: finds secrets that the configuration sends over plain HTTP to hosts of the internet. StartupChecks,
 * ConfigReload and `causeway doctor` use it.
 */
import * as Effect from "effect/Effect"
import { isAddress, isPublicAddress } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"

export interface ClearTextSecret {
  readonly problem: string
  readonly remedy: string
}

/** Ends of names that the internet's DNS does not have: RFC 6761, RFC 6762, RFC 8375, and `internal` by ICANN. */
const PRIVATE_NAMES = [".localhost", ".local", ".internal", ".home.arpa", ".test"]

/** A name without a dot is one of a private network, such as the name of a container. */
const isOnInternet = (hostname: string): boolean => {
  const host = hostname.replace(/^\[(.*)\]$/, "$1")
  if (isAddress(host)) return isPublicAddress(host)
  return host.includes(".") && !PRIVATE_NAMES.some((end) => host.endsWith(end))
}

const find = (
  option: string,
  key: string,
  secrets: number,
  url: string | undefined,
): ReadonlyArray<ClearTextSecret> => {
  const { hostname, protocol } = new URL(url ?? "https://default.invalid")
  if (secrets === 0 || protocol !== "http:" || !isOnInternet(hostname)) return []
  const problem = `${option} sends its ${key} to ${hostname} over plain http, which others on the way can read`
  return [{ problem, remedy: `use an https address in ${option}` }]
}

/** Returns the secrets of model providers and MCP servers that go out unencrypted. */
export const clearTextSecrets = ({
  mcp,
  providers,
}: Pick<GatewaySettings, "mcp" | "providers">): ReadonlyArray<ClearTextSecret> => [
  ...Object.entries(providers).flatMap(([name, { apiKey, baseUrl, headers }]) =>
    find(`providers.${name}.baseUrl`, "key", Object.keys(headers).length + (apiKey === undefined ? 0 : 1), baseUrl),
  ),
  ...Object.entries(mcp).flatMap(([name, { headers, url }]) =>
    find(`mcp.${name}.url`, "headers", Object.keys(headers).length, url),
  ),
]

/** Logs a warning for each of them. */
export const warnOfClearText = (settings: Pick<GatewaySettings, "mcp" | "providers">): Effect.Effect<void> =>
  Effect.forEach(clearTextSecrets(settings), ({ problem, remedy }) => Effect.logWarning(`${problem}: ${remedy}`), {
    discard: true,
  })
