import { describe, expect, it } from "@effect/vitest"
import { clientAddress, isDirect, isForwarded, proxiesOf } from "../../../src/transport/connection/ClientAddress.ts"

const trustedProxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]
const proxies = proxiesOf({ trustedProxies, clientAddressHeader: "X-Forwarded-For" })

const seen = (connected: string | undefined, forwarded?: string) =>
  clientAddress(proxies, connected, forwarded === undefined ? {} : { "x-forwarded-for": forwarded })

describe("clientAddress", () => {
  it.each<[string, string, string | undefined, string]>([
    ["directly", "203.0.113.7", undefined, "203.0.113.7"],
    ["directly, with a header", "203.0.113.7", "198.51.100.1", "203.0.113.7"],
    ["behind a proxy", "127.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["behind a proxy, as IPv6 sockets see it", "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["behind two proxies", "127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"],
    ["that makes up a proxy", "127.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.1"],
    ["that makes up a trusted proxy", "127.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1"],
    ["behind a proxy that adds the port", "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["over IPv6", "fd00::1", "2001:db8::7", "2001:db8::7"],
    ["over IPv6 with the port", "fd00::1", "[2001:db8::7]:4711", "2001:db8::7"],
    ["behind a proxy without a header", "127.0.0.1", undefined, "127.0.0.1"],
    ["behind a proxy that sends unknown", "127.0.0.1", "unknown", "127.0.0.1"],
    ["with nonsense before the proxy's entry", "127.0.0.1", "<script>,, 198.51.100.1", "198.51.100.1"],
    ["that is a proxy itself", "127.0.0.1", "10.1.2.3", "10.1.2.3"],
  ])("The address of a client %s is found.", (_, connected, forwarded, address) => {
    expect(seen(connected, forwarded)).toBe(address)
  })

  it("The client's address comes from the configured header and from no other.", () => {
    const real = { "x-real-ip": "198.51.100.1" }
    expect(clientAddress(proxies, "127.0.0.1", real)).toBe("127.0.0.1")
    const byRealIp = proxiesOf({ trustedProxies, clientAddressHeader: "X-Real-IP" })
    expect(clientAddress(byRealIp, "127.0.0.1", { ...real, "x-forwarded-for": "192.0.2.1" })).toBe("198.51.100.1")
    expect(clientAddress(byRealIp, "203.0.113.7", real)).toBe("203.0.113.7")
  })

  it.each([
    ["for=198.51.100.1", "198.51.100.1"],
    ['for=192.0.2.1, proto=https;for="[2001:db8::7]:4711";by=10.0.0.1', "2001:db8::7"],
    ["for=unknown", "127.0.0.1"],
  ])("The client's address comes from Forwarded (RFC 7239) if configured: %s.", (forwarded, address) => {
    const byForwarded = proxiesOf({ trustedProxies, clientAddressHeader: "forwarded" })
    expect(clientAddress(byForwarded, "127.0.0.1", { forwarded })).toBe(address)
  })

  it("Without trusted proxies, the client's address is that of the connection.", () => {
    const none = proxiesOf({ trustedProxies: [], clientAddressHeader: "x-forwarded-for" })
    expect(clientAddress(none, "127.0.0.1", { "x-forwarded-for": "198.51.100.1" })).toBe("127.0.0.1")
  })
})

const FORWARDING = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]

describe("isForwarded", () => {
  it.each([...FORWARDING, "cf-connecting-ip", "true-client-ip"])(
    "A request with the header %s was forwarded.",
    (name) => expect(isForwarded(proxies, { [name]: "" })).toBe(true),
  )

  it("A request with the configured header was forwarded.", () => {
    const custom = proxiesOf({ trustedProxies: [], clientAddressHeader: "X-My-Client" })
    expect(isForwarded(custom, { "x-my-client": "198.51.100.1" })).toBe(true)
    expect(isForwarded(proxies, { "x-my-client": "198.51.100.1" })).toBe(false)
  })

  it("A request without such headers was not forwarded.", () =>
    expect(isForwarded(proxies, { host: "localhost" })).toBe(false))
})

describe("isDirect", () => {
  const none = proxiesOf({ trustedProxies: [], clientAddressHeader: "x-forwarded-for" })
  const host = "127.0.0.1:18789"

  it.each(["127.0.0.1:18789", "localhost", "[::1]:18789", "LOCALHOST:1"])(
    "A local program that calls the gateway %s is direct.",
    (host) => {
      for (const peer of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.9.10"]) {
        expect(isDirect(none, peer, { host })).toBe(true)
      }
    },
  )

  it.each(["gateway.example.org", "192.168.1.5:18789", "localhost.example", "a b", ""])(
    'A request whose Host is "%s" is not direct.',
    (host) => expect(isDirect(none, "127.0.0.1", { host })).toBe(false),
  )

  it("A request without Host is not direct.", () => expect(isDirect(none, "127.0.0.1", {})).toBe(false))

  it("A request from another machine is not direct.", () => expect(isDirect(none, "192.168.1.5", { host })).toBe(false))

  it("A request of a trusted proxy is not direct, even without a header.", () => {
    expect(isDirect(proxies, "127.0.0.1", { host })).toBe(false)
  })

  it.each(FORWARDING)("A request with the header %s is not direct.", (name) => {
    expect(isDirect(none, "127.0.0.1", { host, [name]: "198.51.100.1" })).toBe(false)
  })
})
