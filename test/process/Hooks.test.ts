/** Hooks of a gateway that is killed. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { start } from "../support/GatewayProcess.ts"

const TOKEN = "token-of-the-hooks-with-32-characters"
const env = { GATEWAY_HOOKS_TOKEN: TOKEN }

/** Posts to a hook and returns the id of the run. */
const hook = (url: string, body: object) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/hooks/agent`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "idempotency-key": "one" },
      body: JSON.stringify(body),
    })
    expect(response.status).toBe(200)
    const { runId } = (await response.json()) as { runId: string }
    return runId
  })

describe("A gateway that is killed", () => {
  it.live("An accepted hook runs after kill -9, and its sender may repeat it.", () =>
    Effect.gen(function* () {
      const body = { message: "do it", sessionMode: "isolated", deliver: false }
      const gateway = yield* start({ env })
      const runId = yield* hook(gateway.url, body)
      gateway.signal("SIGKILL")
      yield* gateway.exit
      const again = yield* start({ env, stateDir: gateway.stateDir })
      expect(yield* hook(again.url, body)).toBe(runId)
      const { stdout } = yield* again.cli("call", "runs.wait", JSON.stringify({ runId }))
      expect(stdout).toContain('"done"')
      const history = yield* again.cli("call", "sessions.history", JSON.stringify({ key: `hook:${runId}` }))
      expect(history.stdout.match(/"role": ?"user"/g)).toHaveLength(1)
      expect((yield* again.cli("call", "config.get")).stdout).not.toContain(TOKEN)
    }),
  )
})
