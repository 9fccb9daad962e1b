/**
 * Thinking: the thinking level that a client sends with a message. The contract has levels of agents and sessions and none
 * of single runs, so the level applies to the session from this message on. ChatMethods.ts and AgentRuns.ts use it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ThinkingLevel } from "../../../domain/Run.ts"
import type { SessionExpectation } from "../../../domain/Session.ts"
import { maybe } from "../../dialect/Params.ts"
import type { Query } from "../../dialect/Query.ts"
import { patchOrCreate, sessionFor } from "./SessionQueries.ts"

/** A level, or an empty text in place of none. */
export const thinkingLevel = maybe(Schema.Union([ThinkingLevel, Schema.Literal("")]))

type Level = typeof thinkingLevel.schema.Type | undefined

/** Sets the level of the session. Creates the session if this is its first message. */
export const setThinking = (
  key: string,
  agentId: string | null | undefined,
  level: Level,
  expected: SessionExpectation | undefined,
): Query<void> =>
  Effect.gen(function* () {
    if (level == null || level === "") return
    const session = yield* sessionFor(key)
    if (session?.thinking === level) return
    yield* patchOrCreate(key, agentId, { thinking: level }, expected)
  })
