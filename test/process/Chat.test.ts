/** A conversation over a pipe or at a terminal. A signal stands for the Ctrl-C of a terminal. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StreamItem } from "../../src/domain/Chat.ts"
import { SharedGateway } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(StreamItem))

/** A reply of minutes, its first words at once. */
const LONG = `/slow 120000 ${"word ".repeat(1_000)}`

layer(SharedGateway.layer(), { excludeTestServices: true })("causeway chat", (it) => {
  it.effect("Over a pipe, each line gets its reply before the next line, and the same command continues.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      expect(yield* gateway.fed("good morning\n\n/think how are you\nbye", "chat", "--session", "work")).toMatchObject({
        code: 0,
        stdout: "> good morning\necho: good morning\n> /think how are you\necho: how are you\n> bye\necho: bye\n",
        stderr: "",
      })
      yield* gateway.fed("again\n", "chat", "--session", "work")
      const { stdout } = yield* gateway.cli("sessions", "history", "work", "--json")
      const { messages } = JSON.parse(stdout) as { messages: ReadonlyArray<{ text: string }> }
      expect(messages.slice(-3).map(({ text }) => text)).toEqual(["echo: bye", "again", "echo: again"])
    }),
  )

  it.effect("/exit leaves and ignores later lines.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const { code, stdout } = yield* gateway.fed("one\n/exit\ntwo\n", "chat")
      expect({ code, stdout }).toEqual({ code: 0, stdout: "> one\necho: one\n" })
    }),
  )

  it.effect("With --json the command prints each event on a line.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const { stdout } = yield* gateway.fed("one\ntwo\n", "chat", "--json", "--session", "json")
      const items = stdout
        .trimEnd()
        .split("\n")
        .map((line) => decodeLine(line))
      expect(items.filter(({ _tag }) => _tag === "Accepted")).toHaveLength(2)
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", sessionKey: "json" } })
    }),
  )

  it.effect("After a failed run the command continues, and exits with 1.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const { code, stderr, stdout } = yield* gateway.fed("/fail one\ntwo\n", "chat")
      expect(code).toBe(1)
      expect(stdout).toMatch(/> two\necho: two\n$/)
      expect(stderr).toMatch(/^causeway: the run failed: .+\ncauseway: messages without a reply: 1: .+\n$/)
    }),
  )

  it.effect("Ctrl-C stops the reply, the next Ctrl-C leaves, and the session keeps the messages.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const chat = yield* gateway.open("chat", "--session", "stopped")
      chat.write(`${LONG}\n`)
      yield* chat.prints("echo: word word")
      chat.signal("SIGINT")
      chat.write("hello\n")
      yield* chat.prints("> hello\necho: hello\n")
      expect(chat.stderr()).toBe("[stopped]\n")
      chat.signal("SIGINT")
      expect(yield* chat.exit).toMatchObject({ code: 0 })
      const history = yield* gateway.cli("sessions", "history", "stopped")
      expect(history.stdout).toContain("cut off")
      expect(history.stdout).toMatch(/echo: hello\n$/)
    }),
  )

  it.effect("At a terminal the command shows earlier messages, and the arrow key brings back a line.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      yield* gateway.fed("the first line\n", "chat", "--session", "terminal")
      const chat = yield* Terminal.open(["chat", "--session", "terminal", ...gateway.target])
      yield* chat.shows("echo: the first line")
      yield* chat.shows("Ctrl-D leaves")
      chat.type("\u001b[A\r")
      yield* chat.shows(/(> the first line\s+echo: the first line\s[^]*){2}> $/)
      chat.type("\u0004")
      expect(yield* chat.exit).toBe(0)
    }),
  )

  it.effect("At a terminal Ctrl-C stops the reply, and the next Ctrl-C leaves.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const chat = yield* Terminal.open(["chat", "--session", "interrupted", ...gateway.target])
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
