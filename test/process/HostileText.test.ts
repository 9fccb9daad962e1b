/** Foreign text at the operator's terminal, with the real binary and a pseudo-terminal. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type GatewayProcess, SharedGateway } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

/** Names the window, clears the screen and changes the text direction. */
const ATTACK = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202ehello"

/** Returns the control codes of the attack that the terminal received. */
const controlCodes = (raw: string) =>
  ["\u001b]0", "\u001b[2J", "\u0007", "\u009b", "\u202e"].filter((code) => raw.includes(code))

const open = ({ target }: GatewayProcess, ...args: ReadonlyArray<string>) =>
  Terminal.open([...args, ...target], { NO_COLOR: "1" })

/** Returns the whole output of a command at a terminal. */
const output = Effect.fnUntraced(function* (gateway: GatewayProcess, ...args: ReadonlyArray<string>) {
  const terminal = yield* open(gateway, ...args)
  yield* terminal.exit
  return terminal.raw()
})

layer(SharedGateway.layer(), { excludeTestServices: true })("A terminal", (it) => {
  it.effect("No command sends foreign control codes to the terminal.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      yield* gateway.fed(`${ATTACK}\n`, "memory", "write", "notes", "-")
      yield* gateway.cli("send", ATTACK)
      for (const args of [
        ["memory", "read", "notes"],
        ["sessions", "history", "agent:main:main"],
        ["sessions", "list"],
        ["send", ATTACK],
        ["call", "agents.get", JSON.stringify({ id: ATTACK })],
        ["devices", "approve", ATTACK],
        [ATTACK],
      ]) {
        const raw = yield* output(gateway, ...args)
        expect({ args, raw }).toEqual({ args, raw: expect.stringMatching(/hello|control characters/) })
        expect({ args, codes: controlCodes(raw) }).toEqual({ args, codes: [] })
      }
    }),
  )

  it.effect("JSON is ASCII at the terminal, and a pipe gets the exact characters.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      yield* gateway.fed(`${ATTACK} 漢\n`, "memory", "write", "ascii", "-")
      const raw = yield* output(gateway, "memory", "read", "ascii", "--json")
      expect(raw).toMatch(/^[\r\n -~]+$/)
      expect(JSON.parse(raw)).toMatchObject({ content: `${ATTACK} 漢\n` })
      expect((yield* gateway.cli("memory", "read", "ascii")).stdout).toBe(`${ATTACK} 漢\n`)
    }),
  )

  it.effect("The lines of a conversation, also those of the arrow keys, come without control codes.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      yield* gateway.fed(`${ATTACK}\n`, "chat", "--session", "chat")
      const chat = yield* open(gateway, "chat", "--session", "chat")
      yield* chat.shows("Ctrl-D leaves")
      chat.type("\u001b[A")
      yield* chat.shows(/hello[^]*hello[^]*> [^]*hello$/)
      chat.type("\u0015\u0004")
      yield* chat.exit
      expect(controlCodes(chat.raw())).toEqual([])
    }),
  )

  it.effect("A close reason comes without control codes.", () =>
    Effect.gen(function* () {
      const gateway = yield* SharedGateway
      const tail = yield* open(gateway, "tail")
      yield* tail.shows("[following")
      const listed = yield* gateway.cli("connections", "list", "--json")
      const [{ id } = { id: "" }] = (JSON.parse(listed.stdout) as { connections: ReadonlyArray<{ id: string }> })
        .connections
      yield* gateway.cli("connections", "close", id, "--reason", ATTACK)
      yield* tail.shows("hello")
      tail.type("\u0003")
      yield* tail.exit
      expect(controlCodes(tail.raw())).toEqual([])
    }),
  )
})
