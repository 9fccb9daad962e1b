/** The real binary under load while its PostgreSQL stops, crashes and comes back, and while it is killed itself. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import * as GatewayLoad from "../../support/GatewayLoad.ts"
import { start, temporaryFolder } from "../../support/GatewayProcess.ts"
import { server, withParameters } from "../../support/Postgres.ts"
import { freePort } from "../../support/ShellGateway.ts"

/** Faults of each kind. The environment raises them for a long run by hand, which prints what it did. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 2)

const report = (faults: string, done: object) =>
  Effect.sync(() => {
    if (process.env["ROUNDS"] !== undefined) console.log(`${faults}: ${JSON.stringify(done)}`)
  })

/** The database of a gateway that needs no parameter `schema`, because `causeway` is its schema. */
const inSchema = (url: string) => withParameters(url, { schema: "causeway" })

describe("A gateway under load", () => {
  it.live(
    "While PostgreSQL restarts and crashes, clients stay connected, probes say why, and no message is lost or doubled.",
    () =>
      Effect.gen(function* () {
        const database = yield* server()
        const gateway = yield* start({ env: { ...GatewayLoad.environment, GATEWAY_DATABASE_URL: database.url } })
        const ready = Effect.promise(async (): Promise<any> => (await fetch(`${gateway.url}/readyz`)).json())
        yield* Effect.gen(function* () {
          const { state } = yield* GatewayClient
          const states: Array<string> = []
          yield* Effect.forkChild(
            Stream.runForEach(state.changes, ({ _tag }) => Effect.sync(() => states.push(_tag))),
            { startImmediately: true },
          )
          const { finish, progress, refused } = yield* GatewayLoad.startLoad
          for (let round = 0; round < 2 * ROUNDS; round++) {
            yield* progress
            const before = refused.length
            yield* Effect.promise(() => database.stop(round % 2 === 0 ? "fast" : "immediate"))
            const problem = yield* Effect.repeat(ready, { until: ({ ready }) => ready === false })
            expect(problem.failing).toEqual([expect.stringMatching(/^storage: .*PostgreSQL|^storage: the database/)])
            yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => refused.length > before })
            yield* Effect.promise(database.start)
            yield* Effect.repeat(ready, { until: ({ ready }) => ready === true })
          }
          yield* progress
          const done = yield* finish(inSchema(database.url))
          expect(states.filter((name) => name !== "Connecting")).toEqual(["Connected"])
          yield* report(`${ROUNDS} restarts and ${ROUNDS} crashes of PostgreSQL`, done)
        }).pipe(
          Effect.provide(
            GatewayClient.layer({ url: `${gateway.url.replace("http", "ws")}/rpc`, token: gateway.token }),
          ),
        )
        expect(gateway.stderr()).toContain("cannot be reached")
        expect(gateway.stderr()).toContain("writes go on")
      }).pipe(Effect.scoped),
    ROUNDS * 60_000,
  )

  it.live(
    "While the gateway is killed and starts again, no message is lost or doubled, and the order stays.",
    () =>
      Effect.gen(function* () {
        const database = yield* server()
        const env = { ...GatewayLoad.environment, GATEWAY_DATABASE_URL: database.url }
        const place = { env, stateDir: join(yield* temporaryFolder, "state"), port: yield* freePort }
        let gateway = yield* start(place)
        yield* Effect.gen(function* () {
          const { finish, progress } = yield* GatewayLoad.startLoad
          for (let round = 0; round < ROUNDS; round++) {
            yield* progress
            gateway.signal("SIGKILL")
            expect((yield* gateway.exit).signal).toBe("SIGKILL")
            gateway = yield* start(place)
          }
          yield* progress
          const done = yield* finish(inSchema(database.url))
          yield* report(`${ROUNDS} kills of the gateway`, done)
        }).pipe(Effect.provide(GatewayClient.layer({ url: `ws://127.0.0.1:${place.port}/rpc`, token: gateway.token })))
      }).pipe(Effect.scoped),
    ROUNDS * 60_000,
  )
})
