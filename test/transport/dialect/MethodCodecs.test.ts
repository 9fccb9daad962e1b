/** MethodCodecs: the schemas of every dialect's own methods bound the texts and lists of clients. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SESSION_KEY_CHARS } from "../../../src/domain/Bounds.ts"
import type { Method } from "../../../src/transport/dialect/DialectMethod.ts"
import { methods as jsonRpc } from "../../../src/transport/json-rpc/Methods.ts"
import { methods as missionControl } from "../../../src/transport/mission-control/Methods.ts"
import { interestsOf, apply, KEYS_CHARS, KEYS_MAX } from "../../../src/transport/openclaw/events/Interests.ts"
import { methods as openClaw } from "../../../src/transport/openclaw/methods/Methods.ts"
import { enter } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { unbounded } from "../../support/Unbounded.ts"

const tables: ReadonlyArray<readonly [string, ReadonlyMap<string, Method>]> = [
  ["openclaw", openClaw],
  ["json-rpc", jsonRpc],
  ["mission-control", missionControl],
]

describe("MethodCodecs", () => {
  for (const [dialect, methods] of tables) {
    it(`Every text and every list in the parameters of ${dialect} has a bound.`, () => {
      const open = [...methods].flatMap(([name, method]) => {
        const paths = method._tag === "Own" ? unbounded(method.params) : []
        return paths.length === 0 ? [] : [[name, paths]]
      })
      expect(open).toEqual([])
    })
  }
})

describe("OpenClaw subscriptions", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A key above the limit of a key is refused.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        for (const method of ["sessions.messages.subscribe", "sessions.messages.unsubscribe"]) {
          const { error } = yield* client.ask(method, { key: "k".repeat(3_900_000) })
          expect(error).toMatchObject({ code: "INVALID_REQUEST" })
          expect(error?.message).toContain(`invalid ${method} params`)
          expect(error?.message.length).toBeLessThan(200)
        }
        const { error } = yield* client.ask("sessions.messages.subscribe", { key: "main", agentId: "a".repeat(201) })
        expect(error?.code).toBe("INVALID_REQUEST")
        expect(yield* client.ask("sessions.messages.subscribe", { key: "k".repeat(SESSION_KEY_CHARS) })).toMatchObject({
          ok: true,
        })
      }),
    )

    it.effect("A client with the maximum number of characters of keys gets an error for one more.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const long = (n: number) => `${n}`.padEnd(SESSION_KEY_CHARS, "k")
        const fit = KEYS_CHARS / SESSION_KEY_CHARS
        for (let n = 0; n < fit; n++) {
          expect(yield* client.ask("sessions.messages.subscribe", { key: long(n) })).toMatchObject({ ok: true })
        }
        expect((yield* client.ask("sessions.messages.subscribe", { key: "one more" })).error?.message).toContain(
          "can be subscribed to by name",
        )
        // A repeated key succeeds, and a removed key makes room.
        expect(yield* client.ask("sessions.messages.subscribe", { key: long(0) })).toMatchObject({ ok: true })
        yield* client.ask("sessions.messages.unsubscribe", { key: long(0) })
        expect(yield* client.ask("sessions.messages.subscribe", { key: "one more" })).toMatchObject({ ok: true })
      }),
    )
  })

  it("The interests of a client have a maximum number of keys.", () => {
    const none = interestsOf({ protocol: 4, clientId: "test", caps: [], readsParams: false, mayRead: true })
    const keys = Array.from({ length: KEYS_MAX + 1 }, (_, n) => `k${n}`)
    const after = keys.reduce((interests, key) => apply(interests, "sessions.messages.subscribe", { key }), none)
    expect(after.keys).toHaveLength(KEYS_MAX)
  })
})
