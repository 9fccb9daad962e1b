/** SseEncoding: ids of events, and the text of a stream. */
import { describe, expect, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { CloseCodes } from "../../../src/transport/connection/CloseCodes.ts"
import { outcomeOf } from "../../../src/transport/dialect/Query.ts"
import { everyName } from "../../../src/transport/sse/EventNames.ts"
import { closingText, contractItems, idOf, positionOf, sseEncoding } from "../../../src/transport/sse/SseEncoding.ts"
import { eventsIn } from "../../support/EventStream.ts"

const joined = { _tag: "Joined", epoch: "e", seq: 5, reset: null } as const

describe("SseEncoding", () => {
  it.prop(
    "A position survives the way through an event id.",
    [Schema.String.check(Schema.isUUID()), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e15 - 1 }))],
    ([epoch, seq]) => {
      expect(positionOf(idOf({ epoch, seq }))).toEqual({ epoch, seq })
    },
  )

  it("A text that is no event id has no position.", () => {
    for (const id of ["", ":", "e", "e:", ":1", "e:-1", "e:1x", "e: 1"]) expect(positionOf(id)).toBeUndefined()
  })

  it("An event has an id, a name and one line of JSON.", () => {
    const frames = sseEncoding.event(
      { type: "text/event-stream", form: contractItems },
      joined,
      () => JSON.stringify(joined),
      "e",
    )
    const text = `id: e:5\nevent: joined\ndata: ${JSON.stringify(joined)}\n\n`
    expect(outcomeOf(frames)).toEqual(Exit.succeed([{ policy: "must", text }]))
  })

  it("A stream without events has a comment every 15 seconds.", () => {
    expect(sseEncoding.keepAlive!.everyMs).toBe(15_000)
    expect(sseEncoding.keepAlive!.frames({ type: "text/event-stream", form: contractItems }, 0)).toMatchObject([
      { text: ": alive\n\n" },
    ])
    expect(sseEncoding.keepAlive!.frames({ type: "application/x-ndjson", form: contractItems }, 0)).toMatchObject([
      { text: "\n" },
    ])
  })

  it("The last event has the code and the reason of the end, and the time to come back.", () => {
    const text = closingText("text/event-stream", CloseCodes.restart, 2_500)
    expect(text).toMatch(/^retry: 2500\n/)
    expect(eventsIn(text)).toMatchObject([{ event: "closed", data: { code: 1012 } }])
    expect(closingText("application/x-ndjson", CloseCodes.restart, 2_500)).toBe("")
  })

  it("No two events have the same name.", () => {
    expect(new Set(everyName).size).toBe(everyName.length)
  })
})
