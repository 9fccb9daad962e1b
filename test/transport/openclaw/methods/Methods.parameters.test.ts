/** Methods: generated parameters, right and wrong. */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Contract } from "../../../../src/transport/dialect/Query.ts"
import { methods } from "../../../../src/transport/openclaw/methods/Methods.ts"

const Value = Schema.Union([Schema.Json, Schema.String, Schema.Null])

const Params = Schema.Record(
  Schema.Literals(["key", "sessionKey", "agentId", "message", "limit", "offset", "keys", "runId"]),
  Value,
)

const failing = Contract.calling(() => Effect.fail({ _tag: "Interrupted" }))

describe("Methods", () => {
  it.prop(
    "No parameters make a method die.",
    [Params],
    ([params]) => {
      for (const [name, method] of methods) {
        if (method._tag !== "Own") continue
        for (const given of [params, null, [], "text", 5]) {
          const query = method.query(given ?? {})
          const exit = Effect.runSyncExit(Effect.provideService(query, Contract, failing))
          expect(exit._tag === "Failure" && Cause.hasDies(exit.cause), name).toBe(false)
        }
      }
    },
    { arbitrary: { runs: 100, size: 20 } },
  )
})
