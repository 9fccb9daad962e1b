import { describe, expect, it } from "@effect/vitest"
import { isPublicAddress } from "../../../src/domain/Address.ts"
import { check, decoderFor } from "../../../src/services/toolkit/HttpRules.ts"

const HOSTS = ["example.org", "*.example.net", "127.0.0.1", "10.0.0.1", "8.8.8.8"]

const checked = (text: string, from?: string) =>
  String(check(text, HOSTS, isPublicAddress, from === undefined ? undefined : new URL(from)))

describe("HttpRules", () => {
  it.each([
    ["https://example.org/a?b=c#d", "https://example.org/a?b=c"],
    ["http://example.org", "http://example.org/"],
    ["https://EXAMPLE.org./", "https://example.org./"],
    ["https://a.example.net/", "https://a.example.net/"],
    ["https://8.8.8.8/", "https://8.8.8.8/"],
    ["https://example.org\\@example.com/", "https://example.org/@example.com/"],
  ])("%s is read.", (text, url) => {
    expect(checked(text)).toBe(url)
  })

  it.each([
    ["nonsense", "no address"],
    ["/etc/passwd", "no address"],
    ["file:///etc/passwd", "Only http and https"],
    ["data:text/plain,hello", "Only http and https"],
    ["ftp://example.org/", "Only http and https"],
    ["https://user:secret@example.org/", "a user or a password"],
    ["https://example.com/", "not among those"],
    ["https://example.org:22/", "not among those"],
    ["https://example.org@example.com/", "a user or a password"],
    ["http://127.0.0.1/", "private network"],
    ["http://2130706433/", "private network"],
    ["http://0x7f.1/", "private network"],
    ["http://017700000001/", "private network"],
    ["http://10.0.0.1/", "private network"],
    ["http://[::1]/", "not among those"],
    ["http://[::ffff:127.0.0.1]/", "not among those"],
  ])("%s is not read.", (text, problem) => {
    expect(checked(text)).toContain(problem)
  })

  it.each([
    ["/next", "https://example.org/next"],
    ["//a.example.net/x", "https://a.example.net/x"],
    ["http://example.org/", "without TLS"],
    ["https://example.com/", "example.org redirects there"],
    ["http://127.0.0.1/", "without TLS"],
    ["javascript:alert(1)", "Only http and https"],
  ])("A redirect to %s gets the same checks.", (location, expected) => {
    expect(checked(location, "https://example.org/start")).toContain(expected)
  })

  it.each(["text/html", "text/plain; charset=utf-8", "application/json", "application/ld+json", "APPLICATION/XML"])(
    "A body of type %s is read.",
    (type) => {
      expect(typeof decoderFor(type, undefined)).toBe("object")
    },
  )

  it.each([
    ["image/png", undefined, "image/png"],
    ["", undefined, "without a type"],
    ["application/octet-stream", undefined, "octet-stream"],
    ["text/html", "gzip", "compressed"],
    ["text/html; charset=nonsense", undefined, "unknown encoding"],
  ])("A body of type %j and encoding %j is not read.", (type, encoding, problem) => {
    expect(decoderFor(type, encoding)).toContain(problem)
  })

  it("The charset of the type decodes the body.", () => {
    const decoder = decoderFor('text/plain; charset="iso-8859-1"', "identity")
    expect(typeof decoder === "object" && decoder.decode(Uint8Array.of(0xe9))).toBe("é")
  })
})
