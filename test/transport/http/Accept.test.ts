/** Accept: the media type that a client prefers. */
import { describe, expect, it } from "@effect/vitest"
import { preferred } from "../../../src/transport/http/Accept.ts"

const offers = ["application/x-ndjson", "text/event-stream"] as const

describe("preferred", () => {
  it("A client that names nothing gets the first type.", () => {
    for (const accept of [undefined, "", " ", "*/*", "text/html, */*;q=0.1"]) {
      expect(preferred(accept, offers)).toBe("application/x-ndjson")
    }
  })

  it("A client gets the type that it names, in any case and with parameters.", () => {
    expect(preferred("text/event-stream", offers)).toBe("text/event-stream")
    expect(preferred("Text/Event-Stream; charset=utf-8", offers)).toBe("text/event-stream")
    expect(preferred("text/*", offers)).toBe("text/event-stream")
    expect(preferred("application/*, text/event-stream;q=0.5", offers)).toBe("application/x-ndjson")
  })

  it("The more specific range counts, and the higher quality wins.", () => {
    expect(preferred("application/x-ndjson;q=0.2, */*;q=0.8", offers)).toBe("text/event-stream")
    expect(preferred("application/x-ndjson;q=0.9, text/event-stream;q=1.0", offers)).toBe("text/event-stream")
    expect(preferred("application/x-ndjson;q=0, */*", offers)).toBe("text/event-stream")
  })

  it("A client that takes none of the types gets none.", () => {
    for (const accept of [
      "application/json",
      "*/*;q=0",
      "text/event-stream;q=0",
      "nonsense",
      "text/event-stream;q=x",
    ]) {
      expect(preferred(accept, offers)).toBeUndefined()
    }
  })
})
