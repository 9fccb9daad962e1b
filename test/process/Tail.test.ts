/** Events as they happen and since a position, over real restarts. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { EventItem } from "../../src/domain/Event.ts"
import { Status } from "../../src/domain/System.ts"
import { SharedGateway, start, temporaryFolder } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const Line = Schema.Struct({ position: Schema.String })
const decodeItem = Schema.decodeUnknownSync(Schema.fromJsonString(EventItem))
const decodeStatus = Schema.decodeUnknownSync(Schema.fromJsonString(Status))
const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(Line))

/** Returns the kept events in the output of a tail. */
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

layer(SharedGateway.layer(), { excludeTestServices: true })("causeway tail", (it) => {
  it.effect("The command prints a line for each event except text deltas.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
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

  it.effect("The flag --from continues after a printed position: no kept event is missing or comes twice.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const all = yield* gateway.open("tail", "--json")
      yield* all.prints("CaughtUp")
      const first = yield* gateway.open("tail", "--json")
      yield* first.prints("CaughtUp")
      yield* gateway.cli("send", "one")
      yield* first.prints("RunEnded")
      first.signal("SIGINT")
      const before = (yield* first.exit).stdout
      const { position } = decodeLine(before.trimEnd().split("\n").at(-1)!)
      yield* gateway.cli("send", "two")
      yield* gateway.cli("send", "three")
      const second = yield* gateway.open("tail", "--json", "--from", position)
      yield* second.prints(/(RunEnded[^]*){2}CaughtUp/)
      second.signal("SIGINT")
      yield* all.prints(/(RunEnded[^]*){3}/)
      expect([...kept(before), ...kept((yield* second.exit).stdout)]).toEqual(kept(all.stdout()))
    }),
  )

  it.effect("The log comes with its remembered entries and then new ones, each once.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const tail = yield* gateway.open("tail", "--topics", "logs")
      yield* tail.prints("gateway: listening on")
      yield* gateway.cli("status", "--token", "wrong")
      yield* tail.prints("a wrong token from 127.0.0.1")
      expect(tail.stdout().match(/listening on/g)).toHaveLength(1)
    }),
  )

  it.effect("At a terminal the command shows that it follows, and Ctrl-C ends it.", () =>
    Effect.gen(function* () {
      const tail = yield* Terminal.open(["tail", ...(yield* SharedGateway).target])
      yield* tail.shows("[following; Ctrl-C ends]")
      tail.type("\u0003")
      expect(yield* tail.exit).toBe(130)
    }),
  )

  it.effect("The command continues after the gateway is killed and started again.", () =>
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
})
