/** MissionControl: a gateway plays the conversations of docs/protocol/mission-control.md, in order and in shape. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Memory } from "../../../src/services/memory/Memory.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const page = Fs.readFileSync(join(import.meta.dirname, "../../../docs/protocol/mission-control.md"), "utf8")

/** Returns the lines of the block below the heading. */
const linesUnder = (heading: string): ReadonlyArray<string> => {
  const section = page.slice(page.indexOf(`## ${heading}\n`))
  return /```\n([^`]*)```/.exec(section)?.[1]?.trim().split("\n") ?? []
}

/** Returns the names in a value and the types of its parts. A list has the shape of its first member. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== "object" || value === null) return value === null ? "nothing" : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shapeOf(part)]))
}

/** Creates a session, a file and log entries. */
const fill = Effect.gen(function* () {
  const runs = yield* Runs
  const message = { sessionKey: "agent:main:main", text: "hello" }
  yield* runs.inject({ ...message, role: "user" })
  yield* runs.inject({ ...message, role: "assistant" })
  yield* (yield* Memory).write("2026-02-22", "# 2026-02-22\n")
})

const play = (lines: ReadonlyArray<string>, client: MissionClient.MissionClient) =>
  Effect.forEach(lines, (line) =>
    Effect.gen(function* () {
      const message: MissionClient.Message = JSON.parse(line.slice(2).replace('"..."', `"${Gateway.TOKEN}"`))
      if (line.startsWith("> ")) return client.send(message)
      const answer = yield* client.next
      return expect([line, shapeOf(answer)]).toEqual([line, shapeOf(message)])
    }),
  )

layer(Gateway.layer({ logLevel: "info", limits: { authFailureDelayMs: 0 } }), { excludeTestServices: true })(
  "MissionControl documentation",
  (it) => {
    it.effect("The gateway plays the conversation of the page.", () =>
      Effect.gen(function* () {
        yield* fill
        const lines = linesUnder("A conversation")
        expect(lines.length).toBeGreaterThan(10)
        yield* play(lines, yield* MissionClient.connect())
      }),
    )

    it.effect("The gateway plays the page's conversation of an unauthenticated client.", () =>
      Effect.gen(function* () {
        const lines = linesUnder("Authentication")
        expect(lines.length).toBeGreaterThan(2)
        const client = yield* MissionClient.open({ token: null })
        yield* play(lines, client)
        expect(yield* client.settled).toEqual([])
      }),
    )

    it.effect("The page names every message of clients and every resource.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.open()
        const [, section = ""] = /## Client to gateway\n([^]*?)\n## /.exec(page) ?? []
        const types = [...section.matchAll(/^\| `(\w+)/gm)].map(([, type]) => type)
        expect(types.toSorted()).toEqual(
          ["authenticate", "create_file", "ping", "request", "subscribe", "unsubscribe", "write_file"].toSorted(),
        )
        for (const type of types) {
          if (type === "authenticate") continue
          client.send({ type })
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
          client.send({ type: "request", resource, sessionKey: "agent:main:main", date: "2026-02-22" })
          expect((yield* client.next).type).toBe(resource)
        }
      }),
    )
  },
)
