/**
 * Summarizes the conversation of a session when a client asks for it. The agent's runtime makes the summary, and this
 * service stores it as a message. Later runs see the summary instead of the messages before it. The handler of
 * `sessions.compact` and ChatCommands use it. Runtimes summarize long conversations by themselves (see RuntimeOutput.ts).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Message } from "../../domain/Message.ts"
import type { RuntimeFailed } from "../../domain/Run.ts"
import { CompactionFailed, type SessionNotFound } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { cut } from "../../domain/Text.ts"
import type { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import type { Agents } from "../agents/Agents.ts"
import { Events } from "../events/Events.ts"
import { Sessions } from "../sessions/Sessions.ts"
import * as Transcript from "../transcript/Transcript.ts"
import * as RuntimeChoice from "./RuntimeChoice.ts"

/** The longest time for a summary of a whole conversation. */
const TIMEOUT = "5 minutes"

/** The characters of a summary, and of a runtime's error. */
const SUMMARY_CHARS = 65_536
const ERROR_CHARS = 2_000

export class SessionCompaction extends Context.Service<
  SessionCompaction,
  {
    /**
     * Summarizes all messages of the session, except those of an open run, and returns the summary. Returns null if no
     * message has come since the last summary. Fails with `CompactionFailed` if the runtime has no summaries, if the model
     * fails, or if the session is being summarized already.
     */
    compact(key: string): Effect.Effect<Message | null, SessionNotFound | CompactionFailed | StorageUnavailable>
  }
>()("causeway/services/runs/SessionCompaction") {
  static readonly layer: Layer.Layer<
    SessionCompaction,
    never,
    AgentRuntimes | Agents | Events | GatewayConfig | Sessions
  > = Layer.effect(
    SessionCompaction,
    Effect.suspend(() => make),
  )
}

const make = Effect.gen(function* () {
  const { choose } = yield* RuntimeChoice.make
  const events = yield* Events
  const sessions = yield* Sessions
  const summarizing = new Set<string>()

  const summarize = Effect.fnUntraced(function* (key: string) {
    const session = yield* sessions.get(key)
    const { agent, model, runtime } = yield* choose(session.agentId, session)
    if (runtime.summarize === undefined) {
      return yield* failed(key, `The runtime "${runtime.name}" of agent "${agent.id}" makes no summaries.`)
    }
    const history = yield* events.read(Transcript.history(key))
    const made = yield* runtime.summarize({ agent, sessionKey: key, model, history })
    if (made === undefined) return null
    const at = yield* Clock.currentTimeMillis
    const summary = { ...made, text: cut(made.text.toWellFormed(), SUMMARY_CHARS) }
    // The session may have been emptied meanwhile. Then there is nothing to store.
    return (yield* events.commit(Transcript.summarize(key, summary, at))) ?? null
  })

  const compact = Effect.fn("SessionCompaction.compact")(function* (key: string) {
    if (summarizing.has(key)) return yield* failed(key, "The session is being summarized already. Wait for it.")
    summarizing.add(key)
    return yield* summarize(key).pipe(
      Effect.timeout(TIMEOUT),
      Effect.catchTags({
        RuntimeFailed: ({ detail, kind }: RuntimeFailed) => failed(key, cut(detail.toWellFormed(), ERROR_CHARS), kind),
        TimeoutError: () => failed(key, `The model did not answer within ${TIMEOUT}.`, "timeout"),
      }),
      Effect.ensuring(Effect.sync(() => summarizing.delete(key))),
    )
  })

  return SessionCompaction.of({ compact })
})

const failed = (sessionKey: string, message: string, kind?: CompactionFailed["kind"]) =>
  Effect.fail(new CompactionFailed({ sessionKey, message, ...(kind !== undefined && { kind }) }))
