/**
 * Runs chat commands such as `/stop` at once, even during a run of the session. domain/ChatCommand.ts parses them. Each
 * command is a run of its own: every wire shows its answer like a reply, and a repeated key acts once. Runs uses it.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Acceptance } from "../../domain/Chat.ts"
import {
  type ChatCommand,
  COMPACTED,
  COMPACTING,
  EMPTIED,
  helpText,
  NOTHING_NEW,
  statusText,
  stoppedText,
} from "../../domain/ChatCommand.ts"
import { grants } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import { identityOf, SessionConflict } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Agents } from "../agents/Agents.ts"
import { Events } from "../events/Events.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { OpenRuns } from "./OpenRuns.ts"
import * as OperatorCommands from "./OperatorCommands.ts"
import * as RuntimeChoice from "./RuntimeChoice.ts"
import { SessionCompaction } from "./SessionCompaction.ts"
import * as SettingCommands from "./SettingCommands.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"
import type { Refusal, Sent } from "./TurnAcceptance.ts"

/** Makes the function that runs a command. `abort` ends the open runs of a session. */
export const make = Effect.fnUntraced(function* (
  abort: (sessionKey: string) => Effect.Effect<ReadonlyArray<string>, StorageUnavailable>,
) {
  const { nameFor } = yield* RuntimeChoice.make
  const acceptance = yield* TurnAcceptance.make
  const agents = yield* Agents
  const operatorReply = yield* OperatorCommands.make
  const compact = yield* makeCompact
  const settings = yield* SettingCommands.make
  const events = yield* Events
  const open = yield* OpenRuns

  const answer = (sent: Sent, reply: string) => events.commit(acceptance.answer(sent, reply))

  const stop = Effect.fnUntraced(function* (sent: Sent) {
    const aborted = yield* abort(sent.session.key)
    return yield* answer(sent, stoppedText(aborted.length))
  })

  const status = Effect.fnUntraced(function* (sent: Sent) {
    const { agentId, key: sessionKey } = sent.session
    const agent = yield* agents.get(agentId)
    const session = yield* events.read(Effect.flatMap(Tx, ({ sessions }) => sessions.get(sessionKey)))
    const runs = open.list(sessionKey)
    const running = runs.filter(({ state }) => state === "running").length
    const facts = { sessionKey, session, agent, running, waiting: runs.length - running }
    return yield* answer(sent, statusText({ ...facts, runtime: nameFor(agent, session) }))
  })

  /** One transaction checks the key and empties the session, so a repeated key cannot empty later messages. */
  const reset = Effect.fnUntraced(function* (sent: Sent, text: string) {
    const { createdAt: at, key } = sent.session
    if (!grants(sent.principal.scopes, "operator.admin")) {
      return yield* new Forbidden({ method: "sessions.reset", missingScope: "operator.admin" })
    }
    yield* abort(key)
    const work = Effect.gen(function* (): Effect.fn.Return<Change<Acceptance>, Refusal | StorageUnavailable, Tx> {
      const known = yield* acceptance.repeated(sent)
      if (known !== undefined) return [known, []]
      // The abort above has changed the transcript, so only the identity of the session is compared.
      const expected = sent.expected && identityOf(sent.expected)
      if (!(yield* Transcript.isExpected(key, expected))) return yield* new SessionConflict({ sessionKey: key })
      const [, emptied] = yield* Transcript.reset(key, at)
      const isEmpty = text === "" && sent.attachments.length === 0
      const next = isEmpty
        ? acceptance.answer(sent, EMPTIED)
        : acceptance.accept({ ...sent, expected: undefined }, { part: text })
      const [answer, accepted] = yield* next
      return [answer, [...emptied, ...accepted]]
    })
    return yield* events.commit(work)
  })

  return Effect.fn("ChatCommands.run")(function* (command: ChatCommand, sent: Sent) {
    const { expected, session } = sent
    const known = yield* events.read(acceptance.repeated(sent))
    if (known !== undefined) return known
    const isExpected = yield* events.read(Transcript.isExpected(session.key, expected))
    if (!isExpected) return yield* new SessionConflict({ sessionKey: session.key })
    switch (command.name) {
      case "stop":
        return yield* stop(sent)
      case "status":
        return yield* status(sent)
      case "approve":
      case "answer":
        return yield* answer(sent, yield* operatorReply(command, sent.principal))
      case "help":
        return yield* answer(sent, helpText())
      case "compact":
        return yield* answer(sent, yield* compact(session.key))
      case "model":
      case "think":
      case "queue":
        return yield* settings(command, sent)
      case "new":
      case "reset":
        return yield* reset(sent, command.text)
    }
  })
})

/** The time for which `/compact` waits for the summary. Clients give up on an acceptance that takes much longer. */
const COMPACT_WAIT = "10 seconds"

/** Makes the function that summarizes a session and returns the answer. A summary that takes long is made meanwhile. */
const makeCompact = Effect.gen(function* () {
  const { compact } = yield* SessionCompaction
  const scope = yield* Effect.scope

  return Effect.fnUntraced(function* (key: string) {
    const made = compact(key).pipe(
      Effect.map((summary) => (summary === null ? NOTHING_NEW : COMPACTED)),
      Effect.catchTags({
        CompactionFailed: ({ message }) => Effect.as(Effect.logWarning("A summary failed", message), message),
        SessionNotFound: () => Effect.succeed(NOTHING_NEW),
        StorageUnavailable: () => Effect.succeed("Storage does not answer. Try again later."),
      }),
    )
    const fiber = yield* Effect.forkIn(made, scope, { startImmediately: true })
    const inTime = yield* Effect.timeoutOption(Fiber.join(fiber), COMPACT_WAIT)
    return Option.getOrElse(inTime, () => COMPACTING)
  })
})
