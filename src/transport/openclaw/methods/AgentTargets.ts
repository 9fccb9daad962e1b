/**
 * Agent targets: the session that `agent` sends to. It is named by its key or its UUID, or found by where the message
 * comes from; a UUID beside a key says which transcript it has to be.
 */
import * as Schema from "effect/Schema"
import type { SessionExpectation } from "../../../domain/Session.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { ask, type Failed, failed, flatMap, type Inquiry, known } from "../../dialect/Query.ts"
import { changed, expecting } from "./Guards.ts"
import { filled, given, id, key } from "../wire/Params.ts"
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
  readonly orChanged: (fault: Fault) => Failed
}

/** The session that is sent to, as what the client expects of it can be asked for. */
const sessionOf = (
  agentId: Text,
  { sessionId, sessionKey }: Target,
  route: Omit<Address, "orChanged">,
): Inquiry<string> => {
  if (filled(sessionKey) !== undefined) return known(canonicalKey(sessionKey, agentId))
  if (filled(sessionId) === undefined) {
    return ask("sessions.resolve", { ...route, ...given({ agentId: filled(agentId) }) }, ({ sessionKey }) =>
      known(sessionKey),
    )
  }
  return flatMap(byId(sessionId!), (session): Inquiry<string> =>
    session === undefined ? noSession(sessionId!) : known(session.key),
  )
}

/** Returns where a message goes, and what the client expects of the session. */
export const addressOf = (agentId: Text, target: Target): Inquiry<Address> => {
  const { accountId, channel, sessionKey, to } = target
  const ids = [target.sessionId, target.expectedExistingSessionId].flatMap((text) => filled(text) ?? [])
  const route = given({ channel: filled(channel), peerId: filled(to), accountId: filled(accountId) })
  if (ids.length === 0) {
    const address = filled(sessionKey) === undefined ? route : { sessionKey: canonicalKey(sessionKey, agentId) }
    return known({ ...address, orChanged: failed })
  }
  return flatMap(sessionOf(agentId, target, route), (sessionKey): Inquiry<Address> => {
    if (new Set(ids).size > 1) return changed(sessionKey)
    return expecting(sessionKey, { expectedSessionId: ids[0] }, (expected, orChanged) =>
      known({ sessionKey, expected, orChanged }),
    )
  })
}
