/** A gateway while another process, such as an operator's shell or a backup, locks its database. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { join } from "node:path"
import { start } from "../support/GatewayProcess.ts"
import { openElsewhere } from "../support/OtherProcess.ts"

describe("A gateway with a locked database", () => {
  it.live("The gateway answers probes and reads, logs why it waits, and writes when the lock is free.", () =>
    Effect.gen(function* () {
      const gateway = yield* start({ env: { GATEWAY_LOCK_WAIT_MS: "50000" } })
      const elsewhere = yield* openElsewhere(join(gateway.stateDir, "causeway.db"))
      const get = (path: string) =>
        Effect.promise(async (): Promise<any> => (await fetch(`${gateway.url}${path}`)).json())
      const call = (method: string, params: unknown) =>
        Effect.promise(async () => {
          const response = await fetch(`${gateway.url}/jsonrpc`, {
            method: "POST",
            headers: { authorization: `Bearer ${gateway.token}`, "content-type": "application/json" },
            body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
          })
          const answer: any = await response.json()
          return answer
        })
      yield* elsewhere("BEGIN IMMEDIATE")
      const write = yield* Effect.forkChild(call("agents.create", { name: "Luna" }), { startImmediately: true })
      expect(yield* get("/healthz")).toMatchObject({ ok: true })
      const ready = yield* Effect.repeat(get("/readyz"), { until: ({ ready }) => ready === false })
      expect(ready.failing).toEqual([expect.stringContaining("storage: another program keeps the database locked")])
      expect((yield* call("agents.list", {})).result).toMatchObject([{ id: "main" }])
      const warning = "writes wait because another process holds the write lock"
      while (!gateway.stderr().includes(warning)) yield* get("/healthz")
      expect(write.pollUnsafe()).toBeUndefined()
      yield* elsewhere("COMMIT")
      expect((yield* Fiber.join(write)).result).toMatchObject({ name: "Luna" })
      yield* Effect.repeat(get("/readyz"), { until: ({ ready }) => ready === true })
      expect(gateway.stderr().split(warning)).toHaveLength(2)
    }).pipe(Effect.scoped),
  )
})
