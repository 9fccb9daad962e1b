/** The real binary on PostgreSQL: it starts, is killed, and goes on where it was. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { join } from "node:path"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { command, start, temporaryFolder } from "../../support/GatewayProcess.ts"
import { execute, schemaUrl, withParameters } from "../../support/Postgres.ts"
import { freePort } from "../../support/ShellGateway.ts"

/** Returns the URL with a password, which the server of the tests ignores. */
const withPassword = (url: string) => withParameters(url, { password: "s3cret-of-the-database" })

describe("A gateway on PostgreSQL", () => {
  it.live("A killed gateway restarts its open runs, and its clients miss and repeat no event.", () =>
    Effect.gen(function* () {
      const databaseUrl = yield* Effect.map(schemaUrl, withPassword)
      const place = { stateDir: join(yield* temporaryFolder, "state"), port: yield* freePort }
      const env = { GATEWAY_DATABASE_URL: databaseUrl }
      const gateway = yield* start({ ...place, env })
      yield* Effect.gen(function* () {
        const { calls, connected, events } = yield* GatewayClient
        yield* connected
        const seen: Array<{ readonly seq: number; readonly name: string }> = []
        const { position } = yield* calls.status({})
        const untilLast = yield* events({ topics: ["chat"] }, position).pipe(
          Stream.tap((item) =>
            Effect.sync(() => {
              if (item._tag === "Joined") expect(item.reset).toBe(null)
              if (item._tag === "Event" && item.event._tag.startsWith("Run"))
                seen.push({
                  seq: item.seq,
                  name: `${item.event._tag} ${"runId" in item.event ? item.event.runId : ""}`,
                })
            }),
          ),
          Stream.takeUntil(() => seen.filter(({ name }) => name.startsWith("RunEnded")).length === 3),
          Stream.runDrain,
          Effect.forkChild,
        )
        const first = yield* calls["chat.send"]({ text: "first", sessionKey: "s" })
        yield* calls["runs.wait"]({ runId: first.runId })
        const cut = yield* calls["chat.send"]({ text: "/slow 2000 cut off", sessionKey: "s" })
        const waiting = yield* calls["chat.send"]({ text: "waits", sessionKey: "s" })
        gateway.signal("SIGKILL")
        expect((yield* gateway.exit).signal).toBe("SIGKILL")
        const again = yield* start({ ...place, env })
        yield* Fiber.join(untilLast)
        expect(seen.map(({ seq }) => seq)).toEqual([...new Set(seen.map(({ seq }) => seq))].sort((a, b) => a - b))
        const ends = seen.filter(({ name }) => name.startsWith("RunEnded")).map(({ name }) => name.slice(9))
        expect(ends).toEqual([first.runId, cut.runId, waiting.runId])
        const turns = yield* execute(databaseUrl, "SELECT run_id, state, attempt FROM turns ORDER BY pos")
        expect(turns).toEqual([
          { run_id: first.runId, state: "done", attempt: 1 },
          { run_id: cut.runId, state: "done", attempt: 2 },
          { run_id: waiting.runId, state: "done", attempt: 1 },
        ])
        expect(Fs.existsSync(join(place.stateDir, "causeway.db"))).toBe(false)
        for (const output of [gateway.stderr(), again.stderr(), gateway.stdout()])
          expect(output).not.toContain("s3cret-of-the-database")
      }).pipe(Effect.provide(GatewayClient.layer({ url: `ws://127.0.0.1:${place.port}/rpc`, token: gateway.token })))
    }).pipe(Effect.scoped),
  )

  it.live("A second gateway with the same schema does not start, and says how to give it another one.", () =>
    Effect.gen(function* () {
      const env = { GATEWAY_DATABASE_URL: yield* schemaUrl }
      yield* start({ env })
      const second = yield* command(["start", "--port", "0", "--state-dir", yield* temporaryFolder], { env })
      const { code, stderr } = yield* second.exit
      expect(code).toBe(1)
      expect(stderr).toContain("another gateway uses the schema")
      expect(stderr).toContain("?schema=second")
    }).pipe(Effect.scoped),
  )
})
