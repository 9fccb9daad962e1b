/** Events: the frames of single events, for generated events and views. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { EventItem } from "../../../src/domain/Event.ts"
import { outcomeOf } from "../../../src/transport/dialect/Query.ts"
import { encode } from "../../../src/transport/mission-control/Events.ts"
import { channels } from "../../../src/transport/mission-control/MessagesIn.ts"

const Channels = Schema.Array(Schema.Literals(channels))

const types = ["session_open", "session_update", "session_close", "log_entry", "file_delete"]

describe("Events", () => {
  it.prop(
    "Every frame of an event has a known type, and the event's time and position.",
    [EventItem, Channels],
    ([item, view]) => {
      const outcome = outcomeOf(encode(view, item, "e"))
      if (outcome?._tag !== "Success") return
      for (const frame of outcome.value) {
        if (frame.policy === "snapshot") continue
        const { position, timestamp, type } = JSON.parse(frame.text)
        expect(types).toContain(type)
        // JSON has no -0.
        expect(item._tag === "Event" && [item.at + 0, item.seq + 0]).toEqual([timestamp, position.seq])
        expect(position.epoch).toBe("e")
      }
    },
    { arbitrary: { runs: 2_000 } },
  )
})
