import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { renameSync } from "node:fs"
import { WebSocket } from "ws"
import { Message } from "../../src/domain/Message.ts"
import { type GatewayProcess, start } from "../support/GatewayProcess.ts"

const decodeHistory = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ messages: Schema.Array(Message) })),
)

/** The most time from the signal to the exit: 5 s by default, and a second for a busy machine. */
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

/** Returns the texts of the main session's messages. */
const transcript = Effect.fnUntraced(function* (gateway: GatewayProcess) {
  const { stdout } = yield* gateway.cli("sessions", "history", "agent:main:main", "--json")
  return decodeHistory(stdout).messages.map(({ text }) => text)
})

describe("A gateway that stops", () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)("At %s a gateway without runs exits with 0 at once.", (signal) =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.cli("send", "hello")
      const exit = yield* stop(gateway, signal)
      expect(exit).toMatchObject({ code: 0, signal: null })
      expect(exit.tookMs).toBeLessThan(DEADLINE_MS)
    }),
  )

  it.live("A short run finishes, its client gets the reply, and probes report the stop.", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const send = yield* gateway.open("send", "/slow 1000 one two three")
      yield* send.prints("echo:")
      gateway.signal("SIGTERM")
      yield* Effect.promise(() => fetchUntil(`${gateway.url}/ready`, "stopping"))
      expect(yield* gateway.exit).toMatchObject({ code: 0 })
      expect(yield* send.exit).toMatchObject({ code: 0, stdout: "echo: one two three\n" })
    }),
  )

  it.live("The next start restarts a longer run, and its client gets the whole reply.", () =>
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

  it.live("The gateway exits in time despite a long run and a client that does not read.", () =>
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

  it.live("The second signal ends the gateway at once.", () =>
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
})

describe("A gateway whose state folder is moved", () => {
  it.live("The gateway exits with 1 and one line, and the moved folder has every accepted message.", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ args: ["--drain-ms", "300"] })
      yield* gateway.cli("send", "one two")
      const moved = `${gateway.stateDir}.moved`
      renameSync(gateway.stateDir, moved)
      const exit = yield* gateway.exit
      expect(exit).toMatchObject({ code: 1, signal: null })
      expect(exit.stderr).toMatch(/causeway: the database of .* was moved, removed or replaced: .+\n$/)
      const again = yield* start({ stateDir: moved })
      expect(yield* transcript(again)).toEqual(["one two", "echo: one two"])
    }),
  )
})

describe("A gateway that is killed", () => {
  it.live("The next start has the conversation and restarts the accepted run, once.", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.cli("send", "one two")
      const send = yield* gateway.open("send", "/slow 500 one two")
      yield* send.prints("echo:")
      expect(yield* stop(gateway, "SIGKILL")).toMatchObject({ signal: "SIGKILL" })
      const again = yield* start({ stateDir: gateway.stateDir, port: gateway.port })
      expect((yield* send.exit).stdout.trimEnd()).toMatch(/echo: one two$/)
      const texts = ["one two", "echo: one two", "/slow 500 one two", "echo: one two"]
      expect(yield* transcript(again)).toEqual(texts)
    }),
  )
})

const fetchUntil = async (url: string, expected: string): Promise<void> => {
  while (!(await (await fetch(url)).text()).includes(expected));
}
