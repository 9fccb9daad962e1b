/**
 * Agent targets: the session that `agent` sends to. It is named by its key or its UUID, or found by where the message
 * comes from; a UUID beside a key says which transcript it has to be.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SessionExpectation } from "../../../domain/Session.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { call, fail, type Query } from "../../dialect/Query.ts"
import { changed, expecting } from "./Guards.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { id, key } from "../wire/Params.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { byId, noSession } from "./SessionLists.ts"

export const targetFields = {
  sessionKey: key,
  to: id,
  channel: id,
  accountId: id,
  sessionId: id,
  expectedExistingSessionId: id,
}

const Target = Schema.Struct(targetFields)
type Target = typeof Target.Type

type Text = string | null | undefined

interface Address {
  readonly sessionKey?: string
  readonly channel?: string
  readonly peerId?: string
  readonly accountId?: string
  readonly expected?: SessionExpectation | undefined
  readonly orChanged: (fault: Fault) => Query<never>
}

/** The session that is sent to, as what the client expects of it can be asked for. */
const sessionOf = (
  agentId: Text,
  { sessionId, sessionKey }: Target,
  route: Omit<Address, "orChanged">,
): Query<string> => {
  if (trimmed(sessionKey) !== undefined) return Effect.succeed(canonicalKey(sessionKey, agentId))
  if (trimmed(sessionId) === undefined) {
    return Effect.map(
      call("sessions.resolve", { ...route, ...given({ agentId: trimmed(agentId) }) }),
      ({ sessionKey }) => sessionKey,
    )
  }
  return Effect.flatMap(byId(sessionId!), (session): Query<string> =>
    session === undefined ? noSession(sessionId!) : Effect.succeed(session.key),
  )
}

/** Returns where a message goes, and what the client expects of the session. */
export const addressOf = (agentId: Text, target: Target): Query<Address> => {
  const { accountId, channel, sessionKey, to } = target
  const ids = [target.sessionId, target.expectedExistingSessionId].flatMap((text) => trimmed(text) ?? [])
  const route = given({ channel: trimmed(channel), peerId: trimmed(to), accountId: trimmed(accountId) })
  if (ids.length === 0) {
    const address = trimmed(sessionKey) === undefined ? route : { sessionKey: canonicalKey(sessionKey, agentId) }
    return Effect.succeed({ ...address, orChanged: fail })
  }
  return Effect.flatMap(sessionOf(agentId, target, route), (sessionKey): Query<Address> => {
    if (new Set(ids).size > 1) return changed(sessionKey)
    return expecting(sessionKey, { expectedSessionId: ids[0] }, (expected, orChanged) =>
      Effect.succeed({ sessionKey, expected, orChanged }),
    )
  })
}
