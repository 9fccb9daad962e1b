/**
 * GatewayUrl: from the address that a person or a gateway writes to the one where the contract is served. Pure.
 */

const PATH = "/rpc"

/**
 * `127.0.0.1:18789`, `http://127.0.0.1:18789` and `ws://127.0.0.1:18789/rpc` mean the same. A path other than `/` stays,
 * e.g. that of a proxy. Undefined: it is no address.
 */
export const gatewayUrl = (written: string): URL | undefined => {
  const text = /^[a-z]+:\/\//i.test(written) ? written : `ws://${written}`
  const parts = /^(ws|http)(s?):\/\/(.+)$/i.exec(text)
  if (parts === null) return undefined
  try {
    const url = new URL(`ws${parts[2]}://${parts[3]}`)
    if (url.pathname === "/") url.pathname = PATH
    return url
  } catch {
    return undefined
  }
}
