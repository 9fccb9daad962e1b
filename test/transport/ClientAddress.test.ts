import { describe, expect, it } from "@effect/vitest"
import { clientAddress, isForwarded, parseProxies } from "../../src/transport/ClientAddress.ts"

const proxies = parseProxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])

const seen = (connected: string | undefined, forwarded?: string, real?: string) =>
  clientAddress(proxies, connected, {
    ...(forwarded !== undefined && { "x-forwarded-for": forwarded }),
    ...(real !== undefined && { "x-real-ip": real }),
  })

describe("the address of a client", () => {
  it.each<[string, string, string | undefined, string]>([
    ["who comes directly", "203.0.113.7", undefined, "203.0.113.7"],
    ["who comes directly and says otherwise", "203.0.113.7", "198.51.100.1", "203.0.113.7"],
    ["behind a proxy", "127.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["behind a proxy, as IPv6 sockets see it", "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["behind two", "127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"],
    ["who says to be behind one more", "127.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.1"],
    ["who says so in a proxy's name", "127.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1"],
    ["behind a proxy that says the port", "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["by IPv6", "fd00::1", "2001:db8::7", "2001:db8::7"],
    ["by IPv6 with the port", "fd00::1", "[2001:db8::7]:4711", "2001:db8::7"],
    ["behind a proxy that says nothing", "127.0.0.1", undefined, "127.0.0.1"],
    ["behind a proxy that does not know", "127.0.0.1", "unknown", "127.0.0.1"],
    ["with nonsense before what the proxy wrote", "127.0.0.1", "<script>,, 198.51.100.1", "198.51.100.1"],
    ["that is a proxy itself", "127.0.0.1", "10.1.2.3", "10.1.2.3"],
  ])("%s", (_, connected, forwarded, address) => {
    expect(seen(connected, forwarded)).toBe(address)
  })

  it("is read from X-Real-IP where there is no list", () => {
    expect(seen("127.0.0.1", undefined, "198.51.100.1")).toBe("198.51.100.1")
    expect(seen("127.0.0.1", "198.51.100.2", "198.51.100.1")).toBe("198.51.100.2")
    expect(seen("203.0.113.7", undefined, "198.51.100.1")).toBe("203.0.113.7")
  })

  it("is the connection's own where nobody is trusted", () => {
    expect(clientAddress([], "127.0.0.1", { "x-forwarded-for": "198.51.100.1" })).toBe("127.0.0.1")
  })
})

describe("a request that was passed on", () => {
  it.each(["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip"])(
    "says so by %s",
    (name) => expect(isForwarded({ [name]: "" })).toBe(true),
  )

  it("is no other", () => expect(isForwarded({ host: "localhost" })).toBe(false))
})
