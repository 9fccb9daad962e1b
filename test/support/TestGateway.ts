/**
 * The whole gateway in this process, on a free port and in its own folder, with a connected typed client. The end of the
 * scope stops both.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import * as Gateway from "../../src/Gateway.ts"
import type { ProviderKinds } from "../../src/services/models/ProviderKinds.ts"
import * as Database from "../../src/services/storage/Database.ts"
import type { EventBus } from "../../src/services/storage/EventBus.ts"
import { StateFolder } from "../../src/services/storage/StateFolder.ts"
import type { Storage } from "../../src/services/storage/Storage.ts"
import { ListeningAddress } from "../../src/transport/http/GatewayServer.ts"
import { isPostgres, schemaUrl } from "./Postgres.ts"
import { temporaryFolder } from "./GatewayProcess.ts"

export const TOKEN = "token-of-the-tests"

export class TestGateway extends Context.Service<
  TestGateway,
  {
    readonly port: number
    /** E.g. `http://127.0.0.1:40209`. */
    readonly url: string
    /** E.g. `ws://127.0.0.1:40209`. */
    readonly wsUrl: string
    readonly token: string
    readonly stateDir: string
  }
>()("causeway/test/TestGateway") {}

export interface TestGatewayOptions extends GatewayOptions {
  readonly runtimes?: Layer.Layer<never, never, Layer.Services<typeof Gateway.parts.runtimes> | ProviderKinds>
  /** Routes and wires, e.g. those of the gateway and one more wire. */
  readonly routes?: typeof Gateway.parts.routes
}

const layerOver =
  <A, E>(storage: Layer.Layer<EventBus | StateFolder | Storage | A, E, GatewayConfig>) =>
  ({ routes = Gateway.parts.routes, runtimes = Gateway.parts.runtimes, ...options }: TestGatewayOptions = {}) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const stateDir = options.stateDir ?? (yield* temporaryFolder)
        const settings = { port: 0, token: TOKEN, logLevel: "error" as const, drainMs: 0, ...options, stateDir }
        const address = Layer.effect(
          TestGateway,
          Effect.map(ListeningAddress, ({ authority, port }) =>
            TestGateway.of({ port, url: `http://${authority}`, wsUrl: `ws://${authority}`, token: TOKEN, stateDir }),
          ),
        )
        return address.pipe(
          Layer.provideMerge(Gateway.wholeWith({ ...Gateway.parts, storage, routes, runtimes })),
          Layer.provideMerge(GatewayConfig.layer(settings)),
        )
      }),
    )

/** The database of `npm run test:postgres`: a schema for each gateway, which the end of the scope drops. */
const postgres = Layer.unwrap(Effect.map(schemaUrl, (url) => Database.layerPostgres(Redacted.make(url))))

/** The gateway with all of its services, so that tests can use them. The run of the tests chooses its database. */
export const layer = layerOver(isPostgres ? Layer.provideMerge(postgres, StateFolder.layer) : Gateway.parts.storage)

const sqliteFile = Layer.unwrap(Effect.map(StateFolder, ({ databaseFile }) => Database.layerFile(databaseFile)))

/** As `layer`, for tests that reach into its SQLite database. */
export const layerSqlite = layerOver(Layer.provideMerge(sqliteFile, StateFolder.layer))

/** A typed client that is connected to `/rpc` of the gateway. */
export const client: Layer.Layer<GatewayClient, never, TestGateway> = Layer.unwrap(
  Effect.map(TestGateway, ({ token, wsUrl }) => {
    const connected = Layer.effectDiscard(Effect.flatMap(GatewayClient, (client) => Effect.orDie(client.connected)))
    return connected.pipe(Layer.provideMerge(GatewayClient.layer({ url: `${wsUrl}/rpc`, token })))
  }),
)
