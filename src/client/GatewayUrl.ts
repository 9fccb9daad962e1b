/**
 * GatewayUrl: turns the address that a person writes into the URL of the endpoint `/rpc`. ClientConnection and the commands
 * use it.
 */
import { withoutTrailing } from "../domain/Text.ts"

const PATH = "/rpc"

/**
 * Returns the URL of `/rpc`, or `undefined` if the text is not an address. `127.0.0.1:18789`, `http://127.0.0.1:18789` and
 * `ws://127.0.0.1:18789/rpc` mean the same. A path that does not end with `/rpc` is the gateway's `basePath`.
 */
export const gatewayUrl = (written: string): URL | undefined => {
  const text = /^[a-z]+:\/\//i.test(written) ? written : `ws://${written}`
  const parts = /^(ws|http)(s?):\/\/(.+)$/i.exec(text)
  if (parts === null) return undefined
  try {
    const url = new URL(`ws${parts[2]}://${parts[3]}`)
    const path = withoutTrailing(url.pathname, "/")
    url.pathname = path.endsWith(PATH) ? path : path + PATH
    return url
  } catch {
    return undefined
  }
}
