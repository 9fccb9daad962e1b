/** Text of others at the operator's terminal, by the real binary and a pseudo-terminal. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type GatewayProcess, start } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

/** Names the window, clears the screen, and turns the direction of what follows. */
const ATTACK = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202ehello"

/** Returns the parts of it that the terminal would obey. */
const obeyed = (raw: string) =>
  ["\u001b]0", "\u001b[2J", "\u0007", "\u009b", "\u202e"].filter((code) => raw.includes(code))

const plain = { NO_COLOR: "1" }

const open = ({ stateDir, url }: GatewayProcess, ...args: ReadonlyArray<string>) =>
  Terminal.open([...args, "--url", url, "--state-dir", stateDir], plain)

/** All that a command shows until its end. */
const shown = Effect.fnUntraced(function* (gateway: GatewayProcess, ...args: ReadonlyArray<string>) {
  const terminal = yield* open(gateway, ...args)
  yield* terminal.exit
  return terminal.raw()
})

describe("a terminal", () => {
  it.live(
    "gets no text of others that commands it, by any command",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.fed(`${ATTACK}\n`, "memory", "write", "notes", "-")
        yield* gateway.cli("send", ATTACK)
        yield* gateway.cli("agents", "create", "Luna", "--personality", ATTACK)
        for (const args of [
          ["memory", "read", "notes"],
          ["sessions", "history", "agent:main:main"],
          ["sessions", "list"],
          ["agents", "list"],
          ["send", ATTACK],
          ["call", "agents.get", JSON.stringify({ id: ATTACK })],
          ["devices", "approve", ATTACK],
          [ATTACK],
        ]) {
          const raw = yield* shown(gateway, ...args)
          expect({ args, raw }).toEqual({ args, raw: expect.stringMatching(/hello|control characters/) })
          expect({ args, obeyed: obeyed(raw) }).toEqual({ args, obeyed: [] })
        }
      }),
    60_000,
  )

  it.live(
    "gets JSON in ASCII; a program gets the characters",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.fed(`${ATTACK} 漢\n`, "memory", "write", "notes", "-")
        const raw = yield* shown(gateway, "memory", "read", "notes", "--json")
        expect(raw).toMatch(/^[\r\n -~]+$/)
        expect(JSON.parse(raw)).toMatchObject({ content: `${ATTACK} 漢\n` })
        expect((yield* gateway.cli("memory", "read", "notes")).stdout).toBe(`${ATTACK} 漢\n`)
      }),
    60_000,
  )

  it.live(
    "gets the lines of a conversation, also by the arrow keys, without the codes in them",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        yield* gateway.fed(`${ATTACK}\n`, "chat")
        const chat = yield* open(gateway, "chat")
        yield* chat.shows("Ctrl-D leaves")
        chat.type("\u001b[A")
        yield* chat.shows(/hello[^]*hello[^]*> [^]*hello$/)
        chat.type("\u0015\u0004")
        yield* chat.exit
        expect(obeyed(chat.raw())).toEqual([])
      }),
    60_000,
  )

  it.live(
    "gets the reason for which a connection was closed without the codes in it",
    () =>
      Effect.gen(function* () {
        const gateway = yield* start()
        const tail = yield* open(gateway, "tail")
        yield* tail.shows("[following")
        const listed = yield* gateway.cli("connections", "list", "--json")
        const [{ id } = { id: "" }] = (JSON.parse(listed.stdout) as { connections: ReadonlyArray<{ id: string }> })
          .connections
        yield* gateway.cli("connections", "close", id, "--reason", ATTACK)
        yield* tail.shows("hello")
        tail.type("\u0003")
        yield* tail.exit
        expect(obeyed(tail.raw())).toEqual([])
      }),
    60_000,
  )
})
