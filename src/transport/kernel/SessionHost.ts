/** SessionHost: the part that all sessions of a dialect share. DialectServer.ts makes it. */
import type { Limits } from "../../domain/Limits.ts"
import type { Method } from "../dialect/DialectMethod.ts"
import type { AnswerCache } from "./AnswerCache.ts"
import type { Calls } from "./ContractCalls.ts"

export interface SessionHost<V> {
  readonly methods: ReadonlyMap<string, Method>
  readonly subscriptionView: ((subscription: string) => V) | undefined
  readonly limits: Limits
  readonly cache: AnswerCache
  readonly callsOf: (clientId: number) => Calls
}
