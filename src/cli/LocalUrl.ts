/**
 * How a gateway is reached from its own machine, given where it listens.
 */
import type { GatewaySettings } from "../domain/GatewayConfig.ts"

const EVERY_ADDRESS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" }

export const localUrl = ({ host, port }: Pick<GatewaySettings, "host" | "port">): string => {
  const address = EVERY_ADDRESS[host] ?? host
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`
}
