/**
 * IP addresses as numbers: tests whether an address is within a range, and finds the network under which a client is
 * counted. IPv4 addresses are mapped into IPv6 (RFC 4291 2.5.5.2), so that one client has one number in either notation.
 * The configuration, the connection limits and the lockout use it.
 */

const V4_MAPPED = 0xffff_0000_0000n
const V4_BITS = 96

const parseV4 = (text: string): bigint | undefined => {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined || parts.some((part) => part > 255)) return undefined
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

const groupsOf = (side: string): ReadonlyArray<bigint> =>
  side === "" ? [] : side.split(":").map((group) => BigInt(`0x${group}`))

/** The URL parser checks the address and writes it in hexadecimal groups, with `::` for the longest run of zeros. */
const parseV6 = (text: string): bigint | undefined => {
  const url = `http://[${text}]`
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(url)) return undefined
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::")
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n)
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | group, 0n)
}

/** Returns `undefined` if the text is not an address. Ignores a zone (`fe80::1%eth0`), which is not part of the address. */
const parse = (address: string): bigint | undefined => {
  if (!address.includes(":")) {
    const v4 = parseV4(address)
    return v4 === undefined ? undefined : V4_MAPPED | v4
  }
  return parseV6(address.replace(/%[^%]*$/, ""))
}

const isV4 = (value: bigint): boolean => value >> 32n === V4_MAPPED >> 32n

export const isAddress = (text: string): boolean => parse(text) !== undefined

export interface Range {
  readonly first: bigint
  /** How many leading bits of an address the range compares. */
  readonly bits: number
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address. Returns `undefined` if the text is neither. */
export const parseRange = (text: string): Range | undefined => {
  const [, address = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const first = parse(address)
  if (first === undefined) return undefined
  const before = address.includes(":") ? 0 : V4_BITS
  const bits = length === undefined ? 128 : before + Number(length)
  return bits > 128 ? undefined : { first, bits }
}

export const isWithin = (ranges: ReadonlyArray<Range>, address: string): boolean => {
  if (ranges.length === 0) return false
  const value = parse(address)
  return (
    value !== undefined && ranges.some(({ bits, first }) => value >> BigInt(128 - bits) === first >> BigInt(128 - bits))
  )
}

const LOOPBACK = ["127.0.0.0/8", "::1"].flatMap((range) => parseRange(range) ?? [])

/** The usual hosts of this machine. Every connection asks for one, and parsing an address costs more than a lookup. */
const USUAL_LOOPBACK = new Set(["127.0.0.1", "::1", "[::1]", "localhost"])

/** Returns whether a host, as in a URL, means this machine: `localhost`, 127.0.0.0/8 or ::1, with or without brackets. */
export const isLoopback = (host: string): boolean =>
  USUAL_LOOPBACK.has(host.toLowerCase()) || isWithin(LOOPBACK, host.replace(/^\[(.*)\]$/, "$1"))

/**
 * Returns the network under which a client is counted. An IPv4 address counts alone. A client with one IPv6 address has
 * all 2^64 of its /64 network (RFC 4291 2.5.4). It could use a new one for every attempt, so IPv6 counts by network.
 */
export const networkOf = (address: string): string => {
  if (!address.includes(":")) return address
  const value = parse(address)
  if (value === undefined) return address
  if (!isV4(value)) return `${(value >> 64n).toString(16)}::/64`
  return [24n, 16n, 8n, 0n].map((bits) => (value >> bits) & 0xffn).join(".")
}

/** Addresses that are not on the internet: IANA's special-purpose registries for IPv4 and IPv6, and multicast. */
const SPECIAL = [
  ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ["224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"],
]
  .flat()
  .flatMap((range) => parseRange(range) ?? [])

/** Global unicast (RFC 4291 2.4), the only part of IPv6 that is assigned, and IPv4. */
const ASSIGNED = ["2000::/3", "0.0.0.0/0"].flatMap((range) => parseRange(range) ?? [])

/** Returns whether the address is on the internet, and not on this machine, a private network or a tunnel into one. */
export const isPublicAddress = (address: string): boolean => isWithin(ASSIGNED, address) && !isWithin(SPECIAL, address)
