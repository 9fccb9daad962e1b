/**
 * Runs chat commands such as `/stop` at once, even during a run of the session. domain/ChatCommand.ts parses them. Each
 * command is a run of its own: every wire shows its answer like a reply, and a repeated key acts once. Runs uses it.
 */
import * as Effect from "effect/Effect"
import { type ChatCommand, EMPTIED, statusText, stoppedText } from "../../domain/ChatCommand.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { grants } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import { identityOf, SessionConflict } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Agents } from "../agents/Agents.ts"
import { type Change, Events } from "../events/Events.ts"
import { removeMessages } from "../transcript/TranscriptRemoval.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { Transcript } from "../transcript/Transcript.ts"
import { OpenRuns } from "./OpenRuns.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"
import type { Sent } from "./TurnAcceptance.ts"

/** Makes the function that runs a command. `abort` ends the open runs of a session. */
export const make = Effect.fnUntraced(function* (
  abort: (sessionKey: string) => Effect.Effect<ReadonlyArray<string>, StorageUnavailable>,
) {
  const { runtime } = yield* GatewayConfig
  const acceptance = yield* TurnAcceptance.make
  const agents = yield* Agents
  const events = yield* Events
  const open = yield* OpenRuns
  const sqlite = yield* Sqlite
  const transcript = yield* Transcript

  const answer = (sent: Sent, reply: string) =>
    Effect.flatMap(
      events.commit(() => acceptance.answer(sent, reply)),
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

  /** One transaction checks the key and empties the session, so a repeated key cannot empty later messages. */
  const reset = Effect.fnUntraced(function* (sent: Sent, text: string) {
    const { createdAt: at, key } = sent.session
    if (!grants(sent.principal.scopes, "operator.admin")) {
      return yield* new Forbidden({ method: "sessions.reset", missingScope: "operator.admin" })
    }
    yield* abort(key)
    const work = Effect.gen(function* () {
      const known = acceptance.repeated(sent)
      if (known !== undefined) return [yield* Effect.fromResult(known), []] satisfies Change<unknown>
      // The abort above has changed the transcript, so only the identity of the session is compared.
      const expected = sent.expected && identityOf(sent.expected)
      if (!transcript.isExpected(key, expected)) return yield* new SessionConflict({ sessionKey: key })
      const exists = transcript.sessions.get(key) !== undefined
      if (exists) yield* removeMessages(transcript, key)
      const emptied = exists ? transcript.clear(key, at) : []
      const [answer, accepted] =
        text === "" ? acceptance.answer(sent, EMPTIED) : acceptance.accept({ ...sent, expected: undefined }, text)
      return [yield* Effect.fromResult(answer), [...emptied, ...accepted]] satisfies Change<unknown>
    })
    return yield* events.transact(work)
  })

  return Effect.fn("ChatCommands.run")(function* (command: ChatCommand, sent: Sent) {
    const { expected, session } = sent
    const [known, isExpected] = yield* sqlite.withLock(
      Effect.sync(() => [acceptance.repeated(sent), transcript.isExpected(session.key, expected)] as const),
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
