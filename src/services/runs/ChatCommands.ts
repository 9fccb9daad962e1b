/**
 * ChatCommands: carries out what domain/ChatCommand.ts has understood, beside the lane of the session. Each command is a
 * run of its own, so that every wire tells its answer as it tells a reply, and a repeated key acts once.
 */
import * as Effect from "effect/Effect"
import { type ChatCommand, EMPTIED, statusText, stoppedText } from "../../domain/ChatCommand.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { grants } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import { identityOf, SessionConflict } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"
import type { Sent } from "./TurnAcceptance.ts"
import { Agents } from "../agents/Agents.ts"
import { type Change, Events } from "../events/Events.ts"
import { removeMessages } from "../transcript/TranscriptRemoval.ts"
import { OpenRuns } from "./OpenRuns.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"

/** `abort` ends all that runs and waits in a session. */
export const make = Effect.fnUntraced(function* (
  abort: (sessionKey: string) => Effect.Effect<ReadonlyArray<string>, StorageUnavailable>,
) {
  const { runtime } = yield* GatewayConfig
  const acceptances = yield* TurnAcceptance.make
  const agents = yield* Agents
  const events = yield* Events
  const open = yield* OpenRuns
  const sqlite = yield* Sqlite
  const transcript = yield* Transcript

  const answer = (sent: Sent, reply: string) =>
    Effect.flatMap(
      events.commit(() => acceptances.answer(sent, reply)),
      Effect.fromResult,
    )

  const stop = Effect.fnUntraced(function* (sent: Sent) {
    const aborted = yield* abort(sent.session.key)
    return yield* answer(sent, stoppedText(aborted.length))
  })

  const status = Effect.fnUntraced(function* (sent: Sent) {
    const { agentId, key: sessionKey } = sent.session
    const agent = yield* agents.get(agentId)
    const session = yield* sqlite.withLock(Effect.sync(() => transcript.sessions.get(sessionKey)))
    const runs = open.list(sessionKey)
    const running = runs.filter(({ state }) => state === "running").length
    const facts = { sessionKey, session, agent, running, waiting: runs.length - running }
    return yield* answer(sent, statusText({ ...facts, runtime: agent.runtime === "" ? runtime : agent.runtime }))
  })

  /** In one transaction: a key that is repeated must not empty what was said since. */
  const reset = Effect.fnUntraced(function* (sent: Sent, text: string) {
    const { createdAt: at, key } = sent.session
    if (!grants(sent.principal.scopes, "operator.admin")) {
      return yield* new Forbidden({ method: "sessions.reset", missingScope: "operator.admin" })
    }
    yield* abort(key)
    const work = Effect.gen(function* () {
      const known = acceptances.repeated(sent)
      if (known !== undefined) return [yield* Effect.fromResult(known), []] satisfies Change<unknown>
      // The abort has changed what is said in the session, and not which it is.
      const same = sent.expected && identityOf(sent.expected)
      if (!transcript.isExpected(key, same)) return yield* new SessionConflict({ sessionKey: key })
      const exists = transcript.sessions.get(key) !== undefined
      if (exists) yield* removeMessages(transcript, key)
      const emptied = exists ? transcript.clear(key, at) : []
      const [answer, accepted] =
        text === "" ? acceptances.answer(sent, EMPTIED) : acceptances.take({ ...sent, expected: undefined }, text)
      return [yield* Effect.fromResult(answer), [...emptied, ...accepted]] satisfies Change<unknown>
    })
    return yield* events.transact(work)
  })

  return Effect.fn("ChatCommands.run")(function* (command: ChatCommand, sent: Sent) {
    const { expected, session } = sent
    const [known, isExpected] = yield* sqlite.withLock(
      Effect.sync(() => [acceptances.repeated(sent), transcript.isExpected(session.key, expected)] as const),
    )
    if (known !== undefined) return yield* Effect.fromResult(known)
    if (!isExpected) return yield* new SessionConflict({ sessionKey: session.key })
    switch (command.name) {
      case "stop":
        return yield* stop(sent)
      case "status":
        return yield* status(sent)
      case "new":
      case "reset":
        return yield* reset(sent, command.text)
    }
  })
})
