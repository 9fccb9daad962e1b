/** A conversation at a terminal or over a pipe, with the real binary. Ctrl-C is the signal that a terminal makes of it. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StreamItem } from "../../src/domain/Chat.ts"
import { run, start } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(StreamItem))

/** A reply of minutes, its first words at once. */
const LONG = `/slow 120000 ${"word ".repeat(1_000)}`

describe("causeway chat over a pipe", () => {
  it.live("answers each line before the next, so that it reads as a conversation", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      expect(yield* gateway.fed("good morning\n\n/think how are you\nbye", "chat")).toMatchObject({
        code: 0,
        stdout: "> good morning\necho: good morning\n> /think how are you\necho: how are you\n> bye\necho: bye\n",
        stderr: "",
      })
    }),
  )

  it.live("leaves at /exit, whatever follows", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { code, stdout } = yield* gateway.fed("one\n/exit\ntwo\n", "chat")
      expect({ code, stdout }).toEqual({ code: 0, stdout: "> one\necho: one\n" })
    }),
  )

  it.live("writes each event as a line of JSON where it is asked to", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { stdout } = yield* gateway.fed("one\ntwo\n", "chat", "--json", "--session", "work")
      const items = stdout
        .trimEnd()
        .split("\n")
        .map((line) => decodeLine(line))
      expect(items.filter(({ _tag }) => _tag === "Accepted")).toHaveLength(2)
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", sessionKey: "work" } })
    }),
  )

  it.live("says what got no reply, goes on, and ends with 1", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const { code, stderr, stdout } = yield* gateway.fed("/fail one\ntwo\n", "chat")
      expect(code).toBe(1)
      expect(stdout).toMatch(/> two\necho: two\n$/)
      expect(stderr).toMatch(/^causeway: the run failed: .+\ncauseway: messages without a reply: 1: .+\n$/)
    }),
  )

  it.live("goes on with the conversation where it was left", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.fed("one\n", "chat", "--session", "work")
      yield* gateway.fed("two\n", "chat", "--session", "work")
      const { stdout } = yield* gateway.cli("sessions", "history", "work", "--json")
      const { messages } = JSON.parse(stdout) as { messages: ReadonlyArray<{ text: string }> }
      expect(messages.map(({ text }) => text)).toEqual(["one", "echo: one", "two", "echo: two"])
    }),
  )

  it.live("ends the reply at Ctrl-C, not itself; the next Ctrl-C leaves, and what was said is kept", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const chat = yield* gateway.open("chat")
      chat.write(`${LONG}\n`)
      yield* chat.prints("echo: word word")
      chat.signal("SIGINT")
      chat.write("hello\n")
      yield* chat.prints("> hello\necho: hello\n")
      expect(chat.stderr()).toBe("[stopped]\n")
      chat.signal("SIGINT")
      expect(yield* chat.exit).toMatchObject({ code: 0 })
      const history = yield* gateway.cli("sessions", "history", "agent:main:main")
      expect(history.stdout).toContain("cut off")
      expect(history.stdout).toMatch(/echo: hello\n$/)
    }),
  )

  it.live("ends with 69 where no gateway answers", () =>
    Effect.gen(function* () {
      expect(yield* run(["chat", "--url", "127.0.0.1:9"])).toMatchObject({ code: 69, stdout: "" })
    }),
  )
})

describe("causeway chat at a terminal", () => {
  it.live("prompts, shows what was said before, and brings earlier lines back by the arrow key", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      yield* gateway.fed("the first line\n", "chat")
      const chat = yield* Terminal.open(["chat", "--url", gateway.url, "--state-dir", gateway.stateDir])
      yield* chat.shows("echo: the first line")
      yield* chat.shows("Ctrl-D leaves")
      chat.type("\u001b[A\r")
      yield* chat.shows(/(> the first line\s+echo: the first line\s[^]*){2}> $/)
      chat.type("\u0004")
      expect(yield* chat.exit).toBe(0)
    }),
  )

  it.live("ends the reply at Ctrl-C and leaves at the next", () =>
    Effect.gen(function* () {
      const gateway = yield* start()
      const chat = yield* Terminal.open(["chat", "--url", gateway.url, "--state-dir", gateway.stateDir])
      yield* chat.shows("> ")
      chat.type(`/slow 12000 ${"word ".repeat(100)}\r`)
      yield* chat.shows("echo: word word")
      chat.type("\u0003")
      yield* chat.shows("[stopped]")
      chat.type("\u0003")
      expect(yield* chat.exit).toBe(0)
    }),
  )
})
