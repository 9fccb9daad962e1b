import { describe, expect, it } from "@effect/vitest"
import { hostProblem, permitsHost } from "../../src/domain/HostPattern.ts"

describe("HostPattern", () => {
  it.each(["example.org", "*.example.org", "*", "example.org:8443", "localhost", "10.0.0.1", "xn--bcher-kva.example"])(
    "The text %s is a pattern.",
    (pattern) => {
      expect(hostProblem(pattern)).toBeUndefined()
    },
  )

  it.each(["", "https://example.org", "Example.org", "example.org/", "a.*.org", "*example.org", "a b", "example.org:"])(
    "The text %j is no pattern.",
    (pattern) => {
      expect(hostProblem(pattern)).toContain("must be a host")
    },
  )

  it.each([
    ["example.org", "example.org", "443", true],
    ["example.org", "example.org", "80", true],
    ["example.org", "example.org", "8080", false],
    ["example.org", "www.example.org", "443", false],
    ["example.org", "example.org.evil.net", "443", false],
    ["example.org", "evilexample.org", "443", false],
    ["*.example.org", "www.example.org", "443", true],
    ["*.example.org", "a.b.example.org", "443", true],
    ["*.example.org", "example.org", "443", false],
    ["*.example.org", "evilexample.org", "443", false],
    ["example.org:8443", "example.org", "8443", true],
    ["example.org:8443", "example.org", "443", false],
    ["*", "anything.example", "443", true],
    ["*", "anything.example", "22", false],
  ])("The pattern %s on %s, port %s: %s.", (pattern, host, port, permitted) => {
    expect(permitsHost([pattern], host, port)).toBe(permitted)
  })
})
