/**
 * The conversations in docs/protocol/mission-control.md, held with a gateway: what the page says is what is said, in
 * that order and in that shape.
 */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Memory } from "../../../src/services/memory/Memory.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const page = Fs.readFileSync(join(import.meta.dirname, "../../../docs/protocol/mission-control.md"), "utf8")

/** The lines of the block that follows the heading. */
const linesUnder = (heading: string): ReadonlyArray<string> => {
  const section = page.slice(page.indexOf(`## ${heading}\n`))
  return /```\n([^`]*)```/.exec(section)?.[1]?.trim().split("\n") ?? []
}

/** The names in a value and the kinds of its parts, whatever they are; of a list its first member. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== "object" || value === null) return value === null ? "nothing" : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shapeOf(part)]))
}

/** With sessions, a file and entries of the log to be told. */
const furnish = Effect.gen(function* () {
  const runs = yield* Runs
  const said = { sessionKey: "agent:main:main", text: "hello" }
  yield* runs.inject({ ...said, role: "user" })
  yield* runs.inject({ ...said, role: "assistant" })
  yield* (yield* Memory).write("2026-02-22", "# 2026-02-22\n")
})

const hold = (lines: ReadonlyArray<string>, client: MissionClient.MissionClient) =>
  Effect.forEach(lines, (line) =>
    Effect.gen(function* () {
      const message: MissionClient.Message = JSON.parse(line.slice(2).replace('"..."', `"${Gateway.TOKEN}"`))
      if (line.startsWith("> ")) return client.say(message)
      const answer = yield* client.next
      return expect([line, shapeOf(answer)]).toEqual([line, shapeOf(message)])
    }),
  )

layer(Gateway.layer({ logLevel: "info", limits: { authFailureDelayMs: 0 } }), { excludeTestServices: true })(
  "the page on Mission Control",
  (it) => {
    it.effect("shows what a conversation is", () =>
      Effect.gen(function* () {
        yield* furnish
        const lines = linesUnder("A conversation")
        expect(lines.length).toBeGreaterThan(10)
        yield* hold(lines, yield* MissionClient.connect())
      }),
    )

    it.effect("shows what is said before the token is", () =>
      Effect.gen(function* () {
        const lines = linesUnder("Authentication")
        expect(lines.length).toBeGreaterThan(2)
        const client = yield* MissionClient.open({ token: null })
        yield* hold(lines, client)
        expect(yield* client.settled).toEqual([])
      }),
    )

    it.effect("names every message that clients can send, and every resource and channel", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        const [, section = ""] = /## Client to gateway\n([^]*?)\n## /.exec(page) ?? []
        const types = [...section.matchAll(/^\| `(\w+)/gm)].map(([, type]) => type)
        expect(types.toSorted()).toEqual(
          ["authenticate", "create_file", "ping", "request", "subscribe", "unsubscribe", "write_file"].toSorted(),
        )
        for (const type of types) {
          if (type === "authenticate") continue
          client.say({ type })
          const { payload } = yield* client.next
          expect(String(payload.message)).not.toContain("Unknown message type")
        }
        const resources = [
          "sessions",
          "memory",
          "logs",
          "status",
          "files",
          "tasks",
          "memories",
          "session_history",
          "file",
        ]
        for (const resource of resources) {
          expect(section).toContain(`\`${resource}`)
          client.say({ type: "request", resource, sessionKey: "agent:main:main", date: "2026-02-22" })
          expect((yield* client.next).type).toBe(resource)
        }
      }),
    )
  },
)
