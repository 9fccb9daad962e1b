import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StreamItem } from "../../src/domain/Chat.ts"
import { Status } from "../../src/domain/System.ts"
import { start } from "../support/GatewayProcess.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(StreamItem))
const decodeStatus = Schema.decodeUnknownSync(Schema.fromJsonString(Status))

/** A reply of minutes, its first words at once. */
const LONG = `/slow 120000 ${"word ".repeat(1_000)}`

describe("causeway send", () => {
  it.live("writes the reply", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(yield* gateway.cli("send", "good morning")).toMatchObject({
        code: 0,
        stdout: "echo: good morning\n",
        stderr: "",
      })
    }),
  )

  it.live("writes each word when it is said", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", LONG)
      yield* send.prints("echo: word word")
      expect(send.stdout().length).toBeLessThan(LONG.length)
    }),
  )

  it.live("writes each event as a line of JSON where it is asked to", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { stdout } = yield* gateway.cli("send", "--json", "--session", "work", "hello")
      const items = stdout
        .trimEnd()
        .split("\n")
        .map((line) => decodeLine(line))
      expect(items[0]).toMatchObject({ _tag: "Accepted", sessionKey: "work", agentId: "main", duplicate: false })
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "done" } })
      const said = items.flatMap((item) =>
        item._tag === "Event" && item.event._tag === "TextDelta" ? [item.event.text] : [],
      )
      expect(said.join("")).toBe("echo: hello")
    }),
  )

  it.live("ends with 1 and a line where the run fails or the agent is unknown", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const failed = yield* gateway.cli("send", "/fail now")
      expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/^causeway: the run failed: .+\n$/) })
      const unknown = yield* gateway.cli("send", "--agent", "nobody", "hello")
      expect(unknown).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("no agent nobody") })
    }),
  )

  it.live("ends the run, not only itself, at Ctrl-C", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", LONG)
      yield* send.prints("echo:")
      const before = yield* gateway.cli("status", "--json")
      expect(decodeStatus(before.stdout).runs.running).toBe(1)
      send.signal("SIGINT")
      expect(yield* send.exit).toMatchObject({ code: 130, stderr: "" })
      const after = yield* gateway.cli("status", "--json")
      expect(decodeStatus(after.stdout).runs.running).toBe(0)
    }),
  )
})

describe("causeway status", () => {
  it.live("tells how the gateway is, for people and for programs", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.cli("send", "hello")
      const page = yield* gateway.cli("status")
      expect(page).toMatchObject({ code: 0, stderr: "" })
      expect(page.stdout).toMatch(/^state +healthy$/m)
      expect(page.stdout).toMatch(/^sessions +1$/m)
      const { stdout } = yield* gateway.cli("status", "--json")
      expect(decodeStatus(stdout)).toMatchObject({ sessions: 1, agents: 1, connections: 1 })
      expect(JSON.parse(stdout).health).toMatchObject({ state: "healthy" })
    }),
  )
})
