/**
 * HttpRules: decides which addresses and bodies the tool `http_fetch` reads. The functions are pure. HttpFetch.ts applies
 * them to the first address and to each redirect.
 */
import { isAddress } from "../../domain/Address.ts"
import { permitsHost } from "../../domain/HostPattern.ts"

/**
 * Returns the URL to read, or the problem. `from`: the URL that redirects there. The URL parser writes every notation of
 * an IPv4 address (`0x7f.1`, `2130706433`) as four numbers, so one test finds all of them.
 */
export const check = (
  text: string,
  hosts: ReadonlyArray<string>,
  isPublic: (address: string) => boolean,
  from?: URL,
): URL | string => {
  const url = URL.parse(text, from?.href)
  if (url === null) return "This is no address. Write one such as https://example.org/page."
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return `Only http and https can be read, not ${url.protocol}`
  if (from?.protocol === "https:" && url.protocol === "http:")
    return `${from.host} redirects to an address without TLS.`
  if (url.username !== "" || url.password !== "") return "An address with a user or a password is not read."
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port
  if (!permitsHost(hosts, host, port)) {
    const via = from === undefined ? "" : ` (${from.host} redirects there)`
    return `The host ${url.host} is not among those that can be read${via}: ${hosts.join(", ")}.`
  }
  if (isAddress(host) && !isPublic(host)) return `${host} is an address of a private network, which is never read.`
  url.hash = ""
  return url
}

/** Types with text besides `text/*`. */
const TEXT_TYPES = /^application\/(json|xml|javascript|ecmascript|ld\+json|[a-z0-9.-]{1,100}\+(json|xml))$/

/** Returns the decoder for a body, or why it is not read. */
export const decoderFor = (
  contentType: string,
  encoding: string | undefined,
): InstanceType<typeof TextDecoder> | string => {
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") return "a compressed body"
  const [type = "", ...parameters] = contentType.toLowerCase().split(";")
  const media = type.trim()
  if (!media.startsWith("text/") && !TEXT_TYPES.test(media))
    return `${media || "a body without a type"}, not text or JSON`
  const charset = parameters.map((part) => part.trim()).find((part) => part.startsWith("charset="))
  const label = charset?.slice("charset=".length).replaceAll('"', "") ?? "utf-8"
  try {
    return new TextDecoder(label)
  } catch {
    return "text in an unknown encoding"
  }
}
