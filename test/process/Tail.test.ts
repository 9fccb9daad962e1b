/** What happens, as it happens and since a position, by the real binary over real restarts. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { EventItem } from "../../src/domain/Event.ts"
import { Status } from "../../src/domain/System.ts"
import { start, temporaryFolder } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const Line = Schema.Struct({ position: Schema.String })
const decodeItem = Schema.decodeUnknownSync(Schema.fromJsonString(EventItem))
const decodeStatus = Schema.decodeUnknownSync(Schema.fromJsonString(Status))
const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(Line))

/** Kept events of what a tail wrote: live ones are not replayed. */
const kept = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => decodeItem(line))
    .flatMap((item) =>
      item._tag === "Event" && !/Delta|Presence|Tool|Log/.test(item.event._tag)
        ? [`${item.seq} ${item.event._tag}`]
        : [],
    )

describe("causeway tail", () => {
  it.live("writes a line for each event, without the pieces of a text that a message holds as a whole", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { stdout } = yield* gateway.cli("status", "--json")
      const { epoch, seq } = decodeStatus(stdout).position
      const tail = yield* gateway.open("tail", "--from", `${epoch}:${seq}`)
      yield* gateway.cli("send", "--session", "work", "hello")
      yield* tail.prints(/RunEnded +work +done\n/)
      expect(tail.stdout()).toMatch(/MessageAdded +work +user: hello\n/)
      expect(tail.stdout()).toMatch(/MessageAdded +work +assistant: echo: hello\n/)
      expect(tail.stdout()).not.toContain("TextDelta")
      tail.signal("SIGINT")
      expect(yield* tail.exit).toMatchObject({ code: 130 })
    }),
  )

  it.live("goes on after a position that it wrote: nothing kept is missed, nothing comes twice", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const all = yield* gateway.open("tail", "--json")
      yield* all.prints("CaughtUp")
      const first = yield* gateway.open("tail", "--json")
      yield* first.prints("CaughtUp")
      yield* gateway.cli("send", "one")
      yield* first.prints("RunEnded")
      first.signal("SIGINT")
      const seen = (yield* first.exit).stdout
      const { position } = decodeLine(seen.trimEnd().split("\n").at(-1)!)
      yield* gateway.cli("send", "two")
      yield* gateway.cli("send", "three")
      const second = yield* gateway.open("tail", "--json", "--from", position)
      yield* second.prints(/(RunEnded[^]*){2}CaughtUp/)
      second.signal("SIGINT")
      yield* all.prints(/(RunEnded[^]*){3}/)
      expect([...kept(seen), ...kept((yield* second.exit).stdout)]).toEqual(kept(all.stdout()))
    }),
  )

  it.live("goes on by itself when the gateway is killed and started again", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const before = yield* start({ stateDir })
      const tail = yield* before.open("tail", "--json", "--topics", "chat")
      yield* tail.prints("CaughtUp")
      yield* before.cli("send", "one")
      before.signal("SIGKILL")
      yield* before.exit
      const after = yield* start({ stateDir, port: before.port })
      yield* after.cli("send", "two")
      yield* tail.prints(/(RunEnded[^]*){2}/)
      const events = kept(tail.stdout())
      expect(new Set(events).size).toBe(events.length)
      expect(events.filter((event) => event.endsWith("RunEnded"))).toHaveLength(2)
    }),
  )

  it.live("has the log, too: what is remembered of it, then what is added, each entry once", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const tail = yield* gateway.open("tail", "--topics", "logs")
      yield* tail.prints("gateway: listening on")
      yield* gateway.cli("status", "--token", "wrong")
      yield* tail.prints("a wrong token from 127.0.0.1")
      expect(tail.stdout().match(/listening on/g)).toHaveLength(1)
    }),
  )

  it.live("says at a terminal that it follows, also where nothing happens, and ends by Ctrl-C", () =>
    Effect.gen(function* () {
      const { stateDir, url } = yield* start()
      const tail = yield* Terminal.open(["tail", "--url", url, "--state-dir", stateDir])
      yield* tail.shows("[following; Ctrl-C ends]")
      tail.type("\u0003")
      expect(yield* tail.exit).toBe(130)
    }),
  )

  it.live("refuses what is no position or topic", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(yield* gateway.cli("tail", "--from", "12")).toMatchObject({ code: 2, stdout: "" })
      expect(yield* gateway.cli("tail", "--topics", "chats")).toMatchObject({ code: 2, stdout: "" })
    }),
  )
})
