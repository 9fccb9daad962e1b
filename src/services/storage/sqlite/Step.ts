/**
 * Steps of the SQLite stores: synchronous functions as Effects. A step fails with `StorageUnavailable` if the disk or the
 * file fails, and dies of a wrong statement. The stores in this folder use it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { toStorageUnavailable } from "./SqliteError.ts"
import type { Stored } from "../Stored.ts"

export const step = <A>(run: () => A): Stored<A> =>
  Effect.suspend(() => {
    try {
      return Exit.succeed(run())
    } catch (error) {
      const unavailable = toStorageUnavailable(error)
      return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
    }
  })
