import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../../../src/domain/GatewayConfig.ts"
import { layerMemory } from "../../../../src/services/storage/Database.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { sqliteStores } from "../../../../src/services/storage/sqlite/SqliteStores.ts"
import { Tx } from "../../../../src/services/storage/Tx.ts"
import { type RunWork, storesContract } from "../StoresContract.ts"

const database = Layer.provide(layerMemory, GatewayConfig.layer({}))

const open = Effect.gen(function* () {
  const { db } = yield* Effect.provideContext(Sqlite, yield* Layer.build(database))
  const stores = sqliteStores(db)
  const run: RunWork = (work) =>
    Effect.suspend(() => {
      db.exec("BEGIN IMMEDIATE")
      const exit = Effect.runSyncExit(Effect.provideService(work, Tx, stores))
      db.exec(Exit.isSuccess(exit) ? "COMMIT" : "ROLLBACK")
      return Effect.orDie(exit)
    })
  return run
})

storesContract("SQLite", open)
