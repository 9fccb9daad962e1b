import { describe, expect, it } from "@effect/vitest"
import {
  hostName,
  isForeign,
  isNavigation,
  isOriginAllowed,
  isPageAllowed,
  originPolicy,
} from "../../../src/transport/connection/Origin.ts"

const EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"

const closed = originPolicy({
  allowedOrigins: ["https://dash.example.org", EXTENSION, "moz-extension://a"],
  auth: "token",
})
const open = originPolicy({ allowedOrigins: [], auth: "none" })

describe("hostName", () => {
  it.each<[string | undefined, string | undefined]>([
    ["127.0.0.1:18789", "127.0.0.1"],
    ["localhost", "localhost"],
    ["[::1]:18789", "[::1]"],
    ["127.0.0.1:65535", "127.0.0.1"],
    ["127.0.0.1:65536", undefined],
    ["127.1:80", "127.0.0.1"],
    ["LOCALHOST:80", "localhost"],
    ["localhost.evil.example:80", "localhost.evil.example"],
    ["localhost:80.evil.example", undefined],
    ["evil.example@localhost:80", "localhost"],
    ["gateway.example.org", "gateway.example.org"],
    ["a b", undefined],
    [undefined, undefined],
  ])("The name in %s is %s.", (host, name) => expect(hostName(host)).toBe(name))
})

describe("isOriginAllowed", () => {
  it.each<[string, string | undefined, string | undefined, boolean]>([
    ["a program", undefined, "127.0.0.1:18789", true],
    ["the gateway's own page", "https://gateway.example.org", "gateway.example.org", true],
    ["the same host in another notation", "https://GATEWAY.example.org:443", "gateway.example.org", true],
    ["another port of the same host", "https://gateway.example.org:8443", "gateway.example.org", false],
    ["another site", "https://evil.example", "gateway.example.org", false],
    ["a site that begins like the gateway's", "https://gateway.example.org.evil.example", "gateway.example.org", false],
    ["a user name that looks like a host", "https://gateway.example.org@evil.example", "gateway.example.org", false],
    ["a configured page", "https://dash.example.org", "gateway.example.org", true],
    ["a configured page with a path and a slash", "https://dash.example.org/", "gateway.example.org", true],
    ["a configured host by another scheme", "http://dash.example.org", "gateway.example.org", false],
    ["an allowed extension", EXTENSION, "127.0.0.1:18789", true],
    ["another extension", "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "127.0.0.1:18789", false],
    ["an extension of another browser", EXTENSION.replace("chrome", "moz"), "127.0.0.1:18789", false],
    ["another opaque scheme", "vscode-webview://x", "127.0.0.1:18789", false],
    ["an extension with the gateway's name", "chrome-extension://gateway", "gateway", false],
    ["a page from disk", "file://", "127.0.0.1:18789", false],
    ["a page of this machine, at this machine", "http://localhost:5173", "127.0.0.1:18789", true],
    ["a page of this machine over IPv6", "http://[::1]:5173", "[::1]:18789", true],
    ["a page of this machine, at another", "http://localhost:5173", "gateway.example.org", false],
    ["another site, at this machine", "https://evil.example", "127.0.0.1:18789", false],
    ["a name that only begins like this machine's", "http://127.0.0.1.evil.example", "127.0.0.1:18789", false],
    ["a page with the origin null", "null", "127.0.0.1:18789", false],
    ["an origin without a scheme", "gateway", "127.0.0.1:18789", false],
    ["an empty origin", "", "127.0.0.1:18789", false],
    ["a request without a host", "https://gateway.example.org", undefined, false],
    ["an invalid host", "https://gateway.example.org", "a b", false],
  ])("The check of the page's origin knows %s.", (_, origin, host, allowed) => {
    expect(isOriginAllowed(closed, origin, host)).toBe(allowed)
  })

  it("With auth none, a site that rebinds its name to this machine is refused.", () => {
    expect(isOriginAllowed(open, "http://evil.example:18789", "evil.example:18789")).toBe(false)
    expect(isOriginAllowed(open, "http://localhost:5173", "localhost:18789")).toBe(true)
    // With a token the page would have to know it.
    expect(isOriginAllowed(closed, "http://evil.example:18789", "evil.example:18789")).toBe(true)
  })
})

describe("isOriginAllowed: programs, with auth none", () => {
  const named = originPolicy({ allowedOrigins: ["http://gateway.example.org:18789"], auth: "none" })

  it.each<[string, string | undefined, boolean]>([
    ["this machine", "127.0.0.1:18789", true],
    ["this machine over IPv6", "[::1]:18789", true],
    ["this machine by name", "localhost", true],
    ["a configured name", "gateway.example.org:18789", true],
    ["none, as in HTTP/1.0", undefined, true],
    ["a name that a site may have rebound to this machine", "evil.example:18789", false],
    ["an invalid name", "a b", false],
  ])("The check of the gateway's name knows %s.", (_, host, allowed) => {
    expect(isOriginAllowed(named, undefined, host)).toBe(allowed)
  })
})

describe("isForeign", () => {
  const host = "127.0.0.1:18789"

  it.each<[string, Record<string, string>, boolean]>([
    ["a program", {}, true],
    ["the gateway's own page", { "sec-fetch-site": "same-origin" }, true],
    ["an address that a person typed", { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" }, true],
    ["an image of another site", { "sec-fetch-site": "cross-site", "sec-fetch-dest": "image" }, false],
    ["a script of another port of this machine", { "sec-fetch-site": "same-site", "sec-fetch-dest": "script" }, false],
    ["a link on another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, false],
  ])("A request without an origin: %s.", (_, headers, allowed) => {
    expect(isPageAllowed(closed, { host, ...headers })).toBe(allowed)
    expect(isForeign(closed, { host, ...headers })).toBe(!allowed)
  })

  it("A cross-site request with an allowed origin is not foreign.", () => {
    const headers = { host, "sec-fetch-site": "cross-site", origin: "https://dash.example.org" }
    expect(isPageAllowed(closed, headers)).toBe(true)
  })

  it("With auth none, a request under a rebound name may not authenticate, although it is not foreign.", () => {
    const headers = { host: "evil.example", "sec-fetch-site": "same-origin" }
    expect(isForeign(open, headers)).toBe(false)
    expect(isPageAllowed(open, headers)).toBe(false)
  })

  it("Only a top-level GET is a navigation.", () => {
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
    expect(isNavigation("GET", link)).toBe(true)
    expect(isNavigation("HEAD", link)).toBe(true)
    expect(isNavigation("POST", link)).toBe(false)
    expect(isNavigation("GET", { ...link, origin: "https://evil.example" })).toBe(false)
    expect(isNavigation("GET", { ...link, "sec-fetch-dest": "iframe" })).toBe(false)
    expect(isNavigation("GET", { ...link, "sec-fetch-mode": "no-cors" })).toBe(false)
    expect(isNavigation("GET", {})).toBe(false)
  })
})
