/**
 * GatewayUrl: turns the address that a person writes into a URL of a WebSocket. ClientConnection, the commands and the
 * OpenClaw client use it.
 */
import { withoutTrailing } from "../domain/Text.ts"

const PATH = "/rpc"

/** Returns the URL, or `undefined` if the text is not an address. `127.0.0.1:18789` and `http://127.0.0.1:18789` get `ws:`. */
export const webSocketUrl = (written: string): URL | undefined => {
  const text = /^[a-z]+:\/\//i.test(written) ? written : `ws://${written}`
  const parts = /^(ws|http)(s?):\/\/(.+)$/i.exec(text)
  if (parts === null) return undefined
  try {
    return new URL(`ws${parts[2]}://${parts[3]}`)
  } catch {
    return undefined
  }
}

/**
 * Returns the URL of `/rpc`, or `undefined` if the text is not an address. `127.0.0.1:18789`, `http://127.0.0.1:18789` and
 * `ws://127.0.0.1:18789/rpc` mean the same. A path that does not end with `/rpc` is the gateway's `basePath`.
 */
export const gatewayUrl = (written: string): URL | undefined => {
  const url = webSocketUrl(written)
  if (url === undefined) return undefined
  const path = withoutTrailing(url.pathname, "/")
  url.pathname = path.endsWith(PATH) ? path : path + PATH
  return url
}
