/**
 * UpstreamSync: keeps the cards of one upstream gateway in step with it: the whole lists first, then every change in order.
 * UpstreamFeed.ts runs it for each gateway.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { shortened } from "../../domain/Text.ts"
import { isEvent } from "../../openclaw-client/Events.ts"
import type { OpenClawError } from "../../openclaw-client/OpenClawError.ts"
import type { OpenClawState } from "../../openclaw-client/OpenClawState.ts"
import type { OpenClawItem } from "../../openclaw-client/Subscribers.ts"
import type { UpstreamClient } from "../upstreams/Upstreams.ts"
import type { Change } from "./CardMerge.ts"
import type { RunFacts } from "./RunFacts.ts"
import { agentFacts, listed, upstreamChange } from "./UpstreamChanges.ts"
import { allSessions } from "./UpstreamSessions.ts"
import type { Report } from "./UpstreamStatus.ts"

/** The part of the fleet that the synchronization uses. The functions return at once. */
export interface Sink {
  readonly runs: RunFacts
  readonly apply: (change: Change) => void
  readonly report: (facts: Report) => void
  /** Whether the cards continue from whole lists, so that a resumed connection needs no new ones. */
  readonly isInStep: () => boolean
}

/** The event with which a gateway reports changes of its agents. OpenClaw's own gateway has none. */
const AGENT_EVENT = "agent.config"

/** Events after which the agents of a gateway without that event may be others. */
const hints = new Set(["config.changed", "chat.metadata.changed"])

/** How often the fleet lists the agents of a gateway without that event. */
const RELIST_PAUSE = "60 seconds"

/** The pause after the first failed attempt to get the lists. Each further failure doubles it. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

const REASON_CHARS = 300

const reasonOf = (message: string): string => shortened(message, REASON_CHARS).toWellFormed()

/** Returns whether the request failed with its connection. The next connection brings another `Joined`. */
const isOffline = (error: OpenClawError): boolean =>
  error._tag === "RequestUnanswered" && (error.reason === "connection-lost" || error.reason === "not-connected")

const stateFacts = (state: Exclude<OpenClawState, { readonly _tag: "Connected" }>): Report => {
  switch (state._tag) {
    case "Connecting":
      // A further attempt keeps the reason of the last one.
      return state.attempt === 0 ? { state: "connecting", reason: null } : {}
    case "Waiting":
      return { state: "away", reason: reasonOf(state.reason) }
    case "Pairing":
      return {
        state: "pairing",
        reason: reasonOf(`${state.reason}: approve the device there (openclaw devices approve)`),
      }
    case "Refused":
      return { state: "refused", reason: reasonOf(state.reason) }
  }
}

/** Follows the gateway until it is interrupted. */
export const follow = Effect.fnUntraced(function* (client: UpstreamClient, sink: Sink) {
  const { runs } = sink
  let defaultId = ""
  /** Counts the lists, so that an answer from before the newest one is dropped. */
  let lists = 0
  let reportsAgents = false
  const relists = yield* Queue.sliding<void>(1)

  const reportReady = () => {
    if (client.state.current._tag === "Connected") sink.report({ state: "ready", reason: null })
  }

  const fetchLists = Effect.gen(function* () {
    sink.report({ state: "syncing", reason: null })
    // The events of sessions come from now on. They wait in the stream until the lists are merged.
    yield* client.call("sessions.subscribe")
    const agents = yield* client.call("agents.list")
    const sessions = yield* allSessions(client)
    lists++
    defaultId = agents.defaultId ?? ""
    sink.apply(listed(agents.agents, sessions, defaultId))
    reportReady()
  })

  /** Events go on meanwhile: none of them is about agents. */
  const relist = Effect.gen(function* () {
    const before = lists
    const agents = yield* client.call("agents.list")
    if (before !== lists || !sink.isInStep()) return
    defaultId = agents.defaultId ?? ""
    sink.apply({ _tag: "AgentsListed", agents: agentFacts(agents.agents, defaultId) })
  }).pipe(Effect.catch((error) => Effect.logDebug("The gateway does not list its agents.", error.message)))

  const relistNow = Effect.suspend(() =>
    reportsAgents || !sink.isInStep() ? Effect.void : Effect.asVoid(Queue.offer(relists, undefined)),
  )

  const sync = (pauseMs: number): Effect.Effect<void> =>
    Effect.catch(fetchLists, (error) => {
      if (isOffline(error)) return Effect.void
      return Effect.logWarning(`The gateway sends no lists. The next attempt is in ${pauseMs} ms.`, error.message).pipe(
        Effect.andThen(Effect.sync(() => sink.report({ state: "syncing", reason: reasonOf(error.message) }))),
        Effect.andThen(Effect.sleep(pauseMs)),
        Effect.andThen(Effect.suspend(() => sync(Math.min(2 * pauseMs, LONGEST_PAUSE_MS)))),
      )
    })

  const handle = (item: OpenClawItem): Effect.Effect<void> => {
    if (item._tag === "Joined") {
      sink.report({ version: reasonOf(item.hello.server.version) })
      reportsAgents = item.hello.features.events.includes(AGENT_EVENT)
      return item.reset === null && sink.isInStep() ? Effect.sync(reportReady) : sync(FIRST_PAUSE_MS)
    }
    if (hints.has(item.event)) return relistNow
    if (isEvent(item, "presence")) sink.report({ clients: item.payload.presence.length })
    const change = upstreamChange(runs, defaultId, item)
    if (change !== undefined) sink.apply(change)
    return Effect.void
  }

  const contained = (item: OpenClawItem) =>
    Effect.catchDefect(
      Effect.suspend(() => handle(item)),
      (bug) => Effect.logError("an event of an upstream gateway was not handled", bug),
    )

  const followStates = Stream.runForEach(client.state.changes, (state) =>
    Effect.sync(() => {
      // A state that has passed says nothing about the cards. `Joined` reports a new connection.
      if (state._tag !== "Connected" && client.state.current === state) sink.report(stateFacts(state))
    }),
  )

  const relisting = Effect.forever(Effect.andThen(Queue.take(relists), relist))
  const reminding = Effect.forever(Effect.andThen(Effect.sleep(RELIST_PAUSE), relistNow))

  yield* Effect.all([Stream.runForEach(client.events, contained), followStates, relisting, reminding], {
    concurrency: "unbounded",
    discard: true,
  })
})
