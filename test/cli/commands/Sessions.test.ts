import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../../src/client.ts"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

interface History {
  readonly messages: ReadonlyArray<{ readonly id: number; readonly text: string }>
  readonly nextBefore: number | null
}

layer(TestGateway.layer(), { excludeTestServices: true })("causeway sessions", (it) => {
  it.effect("The command lists, prints, resets and deletes a session.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "work", "hello")
      const page = yield* cli("sessions", "list")
      expect(page.stdout).toMatch(/^KEY +AGENT .*\nwork +main +idle +2 .*echo: hello\n$/)
      expect(json(yield* cli("sessions", "list", "--json"))).toMatchObject({ total: 1, sessions: [{ key: "work" }] })

      const history = yield* cli("sessions", "history", "work")
      expect(history.stdout).toMatch(/user {2}#\d+\nhello\n\n.*assistant {2}#\d+\necho: hello\n$/)

      expect(json(yield* cli("sessions", "reset", "work", "--yes", "--json"))).toEqual({ removedMessages: 2 })
      expect(json(yield* cli("sessions", "history", "work", "--json"))).toEqual({ messages: [], nextBefore: null })

      expect((yield* cli("sessions", "delete", "work", "--yes")).code).toBe(0)
      expect(failure(yield* cli("sessions", "history", "work"))).toEqual({
        code: 1,
        line: 'causeway: no session "work" (see `causeway sessions list`)',
      })
    }),
  )

  it.effect("A history reads as many pages as its limit needs.", () =>
    Effect.gen(function* () {
      const lines = Array.from({ length: 210 }, (_, i) => `line ${i}`)
      yield* Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        yield* Effect.forEach(lines, (text) => calls["chat.inject"]({ sessionKey: "long", text }))
      }).pipe(Effect.provide(TestGateway.client))
      const all = json(yield* cli("sessions", "history", "long", "--limit", "1000", "--json")) as History
      expect(all.nextBefore).toBeNull()
      expect(all.messages.map(({ text }) => text)).toEqual(lines)

      const last = json(yield* cli("sessions", "history", "long", "--limit", "201", "--json")) as History
      expect(last.messages).toHaveLength(201)
      expect(last.nextBefore).toBe(last.messages[0]?.id)
      const older = json(
        yield* cli("sessions", "history", "long", "--before", String(last.nextBefore), "--json"),
      ) as History
      expect(older.messages.at(-1)?.id).toBeLessThan(last.nextBefore ?? 0)
    }),
  )

  it.effect("A list says how many sessions its limit left out, and its filters find sessions.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "first", "hello")
      yield* cli("send", "--session", "second", "hello")
      expect((yield* cli("sessions", "list", "--limit", "1")).stdout).toMatch(/\n1 of \d+: use --limit for more\n$/)
      expect((yield* cli("sessions", "list", "--search", "nowhere")).stdout).toBe("No sessions match.\n")
      expect(json(yield* cli("sessions", "list", "--search", "second", "--json"))).toMatchObject({ total: 1 })
    }),
  )

  it.effect("The command changes the settings of a session, and removes them.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "tuned", "hello")
      const set = ["--name", "Tuned", "--label", "mine", "--model", "m", "--thinking", "high", "--queue", "collect"]
      expect(json(yield* cli("sessions", "patch", "tuned", ...set, "--json"))).toMatchObject({
        displayName: "Tuned",
        label: "mine",
        model: "m",
        thinking: "high",
        queue: "collect",
      })
      const unset = ["--label", "", "--model", "", "--thinking", "agent", "--queue", "agent"]
      const plain = json(yield* cli("sessions", "patch", "tuned", ...unset, "--json"))
      expect(plain).toMatchObject({ displayName: "Tuned", label: null, model: null })
      expect(Object.keys(plain as object)).not.toEqual(expect.arrayContaining(["thinking"]))
      expect(failure(yield* cli("sessions", "patch", "nowhere", "--label", "x")).line).toContain('"nowhere"')
    }),
  )

  it.effect("Without a terminal, reset and delete need --yes and change nothing.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "kept", "hello")
      for (const verb of ["reset", "delete"]) {
        const { code, line } = failure(yield* cli("sessions", verb, "kept"))
        expect(code).toBe(2)
        expect(line).toMatch(/2 messages: confirm it with --yes/)
      }
      expect(json(yield* cli("call", "sessions.get", '{"key":"kept"}'))).toMatchObject({ messageCount: 2 })
    }),
  )
})
