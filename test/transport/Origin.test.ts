import { describe, expect, it } from "@effect/vitest"
import { isLoopback, isOriginAllowed } from "../../src/transport/Origin.ts"

const closed = { allowed: ["https://dash.example.org"], open: false }
const open = { allowed: [], open: true }

describe("an origin", () => {
  it.each<[string, string | undefined, string | undefined, boolean]>([
    ["a client that is no browser", undefined, "127.0.0.1:18789", true],
    ["the gateway's own page", "https://gateway.example.org", "gateway.example.org", true],
    ["the same host, written otherwise", "https://GATEWAY.example.org:443", "gateway.example.org", true],
    ["another port of the same host", "https://gateway.example.org:8443", "gateway.example.org", false],
    ["another site", "https://evil.example", "gateway.example.org", false],
    ["a site that begins like the gateway's", "https://gateway.example.org.evil.example", "gateway.example.org", false],
    ["a user name that looks like a host", "https://gateway.example.org@evil.example", "gateway.example.org", false],
    ["a configured page", "https://dash.example.org", "gateway.example.org", true],
    ["a configured page with a path and a slash", "https://dash.example.org/", "gateway.example.org", true],
    ["a configured host by another scheme", "http://dash.example.org", "gateway.example.org", false],
    ["a page of this machine, at this machine", "http://localhost:5173", "127.0.0.1:18789", true],
    ["by IPv6", "http://[::1]:5173", "[::1]:18789", true],
    ["a page of this machine, at another", "http://localhost:5173", "gateway.example.org", false],
    ["another site, at this machine", "https://evil.example", "127.0.0.1:18789", false],
    ["a name that only begins like this machine's", "http://127.0.0.1.evil.example", "127.0.0.1:18789", false],
    ["a page that hides where it is from", "null", "127.0.0.1:18789", false],
    ["no address at all", "gateway", "127.0.0.1:18789", false],
    ["an empty origin", "", "127.0.0.1:18789", false],
    ["a request without a host", "https://gateway.example.org", undefined, false],
    ["a host that is none", "https://gateway.example.org", "a b", false],
  ])("%s", (_, origin, host, allowed) => {
    expect(isOriginAllowed(closed, origin, host)).toBe(allowed)
  })

  it("of a site that rebinds its name to this machine is refused where everybody is trusted", () => {
    expect(isOriginAllowed(open, "http://evil.example:18789", "evil.example:18789")).toBe(false)
    expect(isOriginAllowed(open, "http://localhost:5173", "localhost:18789")).toBe(true)
    // With a token the page would have to know it.
    expect(isOriginAllowed(closed, "http://evil.example:18789", "evil.example:18789")).toBe(true)
  })
})

describe("a client that names no origin, where everybody is trusted", () => {
  const named = { allowed: ["http://gateway.example.org:18789"], open: true }

  it.each<[string, string | undefined, boolean]>([
    ["this machine", "127.0.0.1:18789", true],
    ["this machine, by IPv6", "[::1]:18789", true],
    ["this machine by name", "localhost", true],
    ["a configured name", "gateway.example.org:18789", true],
    ["nothing, as HTTP/1.0 does", undefined, true],
    ["a name that a site may have rebound to this machine", "evil.example:18789", false],
    ["a host that is none", "a b", false],
  ])("may call the gateway %s", (_, host, allowed) => {
    expect(isOriginAllowed(named, undefined, host)).toBe(allowed)
  })
})

describe("a loopback host", () => {
  it("is a name or an address of this machine, and nothing that looks like it", () => {
    for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]"]) {
      expect(isLoopback(host)).toBe(true)
    }
    for (const host of ["0.0.0.0", "::", "127.0.0.1.example", "localhost.example", "10.0.0.1", "128.0.0.1", ""]) {
      expect(isLoopback(host)).toBe(false)
    }
  })
})
