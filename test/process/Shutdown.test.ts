import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { renameSync } from "node:fs"
import { WebSocket } from "ws"
import { StreamItem } from "../../src/domain/Chat.ts"
import { type GatewayProcess, start } from "../support/GatewayProcess.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(StreamItem))

/** How long a gateway may take from the signal to its end: 5 s by default, and a second for a noisy machine. */
const DEADLINE_MS = 6_000

const stop = (gateway: GatewayProcess, signal: NodeJS.Signals = "SIGTERM") =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    gateway.signal(signal)
    const exit = yield* gateway.exit
    return { ...exit, tookMs: (yield* Clock.currentTimeMillis) - began }
  })

/** A reply of minutes, its first words at once. */
const LONG = `/slow 120000 ${"word ".repeat(1_000)}`

/** What the session's agent has been told, by the number of words that the echo counts of it. */
const wordsHeard = Effect.fnUntraced(function* (gateway: GatewayProcess) {
  const { stdout } = yield* gateway.cli("send", "--json", "x")
  const [ended] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => decodeLine(line))
    .slice(-1)
  return ended?._tag === "Event" && ended.event._tag === "RunEnded" ? ended.event.usage?.inputTokens : undefined
})

describe("a gateway that is asked to stop", () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)("by %s ends with 0 at once when nothing runs", (signal) =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.cli("send", "hello")
      const exit = yield* stop(gateway, signal)
      expect(exit).toMatchObject({ code: 0, signal: null })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
    }),
  )

  it.live("lets a run finish that can, and its client hear it", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", "/slow 1000 one two three")
      yield* send.prints("echo:")
      const exit = yield* stop(gateway)
      expect(exit).toMatchObject({ code: 0 })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
      expect(yield* send.exit).toMatchObject({ code: 0, stdout: "echo: one two three\n" })
    }),
  )

  it.live("does not wait for a run that takes longer; the next start begins it again and its client hears it all", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--drain-ms", "300"] })
      const send = yield* gateway.open("send", "/slow 4000 one two three")
      yield* send.prints("echo:")
      const exit = yield* stop(gateway)
      expect(exit).toMatchObject({ code: 0 })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
      yield* start({ stateDir: gateway.stateDir, port: gateway.port })
      const sent = yield* send.exit
      expect(sent).toMatchObject({ code: 0, stderr: "" })
      expect(sent.stdout.trimEnd()).toMatch(/echo: one two three$/)
    }),
  )

  it.live("ends in time by default, whatever runs and whoever does not read what it is sent", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const stalled = yield* Effect.callback<WebSocket>((resume) => {
        const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/rpc?token=${gateway.token}`)
        socket.on("open", () => {
          socket.pause()
          resume(Effect.succeed(socket))
        })
      })
      const send = yield* gateway.open("send", LONG)
      yield* send.prints("echo:")
      const exit = yield* stop(gateway)
      stalled.terminate()
      expect(exit).toMatchObject({ code: 0, signal: null })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
    }),
  )

  it.live("ends at once at the second signal", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--drain-ms", "60000"] })
      const send = yield* gateway.open("send", LONG)
      yield* send.prints("echo:")
      gateway.signal("SIGTERM")
      yield* Effect.promise(() => fetchUntil(`${gateway.url}/ready`, "stopping"))
      const exit = yield* stop(gateway)
      expect(exit).toMatchObject({ code: 1 })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
    }),
  )

  it.live("says so to probes while it stops", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", "/slow 1500 one two three")
      yield* send.prints("echo:")
      gateway.signal("SIGTERM")
      yield* Effect.promise(() => fetchUntil(`${gateway.url}/ready`, "stopping"))
      expect(yield* gateway.exit).toMatchObject({ code: 0 })
    }),
  )
})

describe("a gateway whose state folder is moved", () => {
  it.live("stops with 1 and says so, and what it had accepted is in the folder", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--drain-ms", "300"] })
      yield* gateway.cli("send", "one two")
      const moved = `${gateway.stateDir}.moved`
      renameSync(gateway.stateDir, moved)
      const exit = yield* gateway.exit
      expect(exit).toMatchObject({ code: 1, signal: null })
      expect(exit.stderr).toMatch(/causeway: the database of .* was moved, removed or replaced: .*start it again\n$/)
      const again = yield* start({ stateDir: moved })
      expect(yield* wordsHeard(again)).toBe(2 + 3 + 1)
    }),
  )
})

describe("a gateway that is killed", () => {
  it.live("has the conversation when it starts again", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.cli("send", "one two")
      expect(yield* stop(gateway, "SIGKILL")).toMatchObject({ signal: "SIGKILL" })
      const again = yield* start({ stateDir: gateway.stateDir })
      // "one two" and its echo, then "x".
      expect(yield* wordsHeard(again)).toBe(2 + 3 + 1)
    }),
  )

  it.live("begins again what it had accepted, and keeps it once", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", "/slow 500 one two")
      yield* send.prints("echo:")
      yield* stop(gateway, "SIGKILL")
      const again = yield* start({ stateDir: gateway.stateDir, port: gateway.port })
      expect((yield* send.exit).stdout.trimEnd()).toMatch(/echo: one two$/)
      // "/slow 500 one two" and its echo, then "x".
      expect(yield* wordsHeard(again)).toBe(4 + 3 + 1)
    }),
  )
})

const fetchUntil = async (url: string, expected: string): Promise<void> => {
  while (!(await (await fetch(url)).text()).includes(expected));
}
