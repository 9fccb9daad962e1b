/**
 * LocalUrl: returns the URL of a gateway for programs on its own machine. The start banner, `causeway doctor` and the
 * commands that connect use it.
 */
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"

const EVERY_ADDRESS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" }

export const localUrl = ({
  basePath,
  host,
  port,
  tls,
}: Pick<GatewaySettings, "basePath" | "host" | "port"> & Partial<Pick<GatewaySettings, "tls">>): string => {
  const address = EVERY_ADDRESS[host] ?? host
  const scheme = tls?.cert === undefined ? "http" : "https"
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}${basePath}`
}
