/** The result type of every store method: one round trip to the database. The stores of Tx use it. */
import type * as Effect from "effect/Effect"
import type { StorageUnavailable } from "../../domain/Storage.ts"

export type Stored<A> = Effect.Effect<A, StorageUnavailable>
