/**
 * An upstream gateway in memory, as the fleet sees it through its client: lists, changes and drops, without sockets and
 * pauses. It publishes a change only to the connection that is open, and only after `sessions.subscribe`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { ConnectionStates } from "../../src/client/ConnectionStates.ts"
import type { OpenClawEvent } from "../../src/openclaw-client/Conversation.ts"
import type { AgentRow, SessionRow } from "../../src/openclaw-client/Methods.ts"
import { RequestUnanswered } from "../../src/openclaw-client/OpenClawError.ts"
import type { OpenClawState } from "../../src/openclaw-client/OpenClawState.ts"
import { Subscribers } from "../../src/openclaw-client/Subscribers.ts"
import type { UpstreamClient } from "../../src/services/upstreams/Upstreams.ts"
import { HELLO } from "./ScriptedUpstream.ts"

const hello = HELLO as Extract<OpenClawState, { readonly _tag: "Connected" }>["hello"]

interface Connection {
  readonly lost: Deferred.Deferred<never, RequestUnanswered>
  isSubscribed: boolean
}

export class MemoryUpstream {
  readonly agents = new Map<string, AgentRow>()
  readonly sessions = new Map<string, SessionRow>()
  /** Called before each answer. */
  onRequest: (method: string) => Effect.Effect<void> = () => Effect.yieldNow
  readonly #states = new ConnectionStates<OpenClawState>({ _tag: "Connecting", attempt: 0 })
  readonly #subscribers = new Subscribers()
  #connection: Connection | undefined
  /** The events that a resumed connection still gets. */
  #missed: Array<OpenClawEvent> = []
  #wasSubscribed = false

  /** Opens a connection. A resumed one gets every missed event. */
  connect(resumed = false): void {
    const isResumed = resumed && this.#wasSubscribed
    this.#connection = { lost: Deferred.makeUnsafe(), isSubscribed: isResumed }
    this.#states.set({ _tag: "Connected", hello })
    this.#subscribers.joined(hello, isResumed ? null : "connected")
    if (isResumed) for (const event of this.#missed) this.#subscribers.event(event)
    this.#missed = []
  }

  drop(reason = "the network is gone"): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#wasSubscribed = connection.isSubscribed
    this.#subscribers.dropped()
    const lost = new RequestUnanswered({ method: "any", reason: "connection-lost" })
    Deferred.doneUnsafe(connection.lost, Effect.fail(lost))
    this.#states.set({ _tag: "Waiting", attempt: 1, retryInMs: 1, reason })
  }

  /** Publishes an event. */
  event(event: string, payload: unknown): void {
    if (this.#connection === undefined) this.#missed.push({ event, payload })
    else if (this.#connection.isSubscribed) this.#subscribers.event({ event, payload })
  }

  putAgent(id: string, name: string): void {
    this.agents.set(id, { id, name })
    this.event("agent.config", { agentId: id, name })
  }

  removeAgent(id: string): void {
    this.agents.delete(id)
    this.event("agent.config", { agentId: id, removed: true })
  }

  putSession(session: SessionRow): void {
    this.sessions.set(session.key, session)
    this.event("sessions.changed", { sessionKey: session.key, reason: "patch", session })
  }

  removeSession(key: string): void {
    this.sessions.delete(key)
    this.event("sessions.changed", { sessionKey: key, reason: "delete" })
  }

  #answer(method: string, params: { readonly limit?: number; readonly offset?: number } = {}): unknown {
    switch (method) {
      case "sessions.subscribe":
        if (this.#connection !== undefined) this.#connection.isSubscribed = true
        return { subscribed: true }
      case "agents.list":
        return { defaultId: "main", agents: [...this.agents.values()] }
      case "sessions.list": {
        const { limit = 100, offset = 0 } = params
        const all = [...this.sessions.values()].toSorted((a, b) => (b.updatedAt ?? 0) - (a.updatedAt ?? 0))
        const sessions = all.slice(offset, offset + limit)
        return { sessions, hasMore: offset + sessions.length < all.length }
      }
      default:
        return {}
    }
  }

  readonly client: UpstreamClient = {
    state: this.#states,
    connected: Effect.void,
    events: this.#subscribers.stream,
    on: () => {
      throw new Error("the fleet reads all events from one stream")
    },
    request: (method, params) =>
      Effect.suspend(() => {
        const connection = this.#connection
        if (connection === undefined) return Effect.fail(new RequestUnanswered({ method, reason: "not-connected" }))
        return Effect.raceFirst(
          Effect.andThen(
            this.onRequest(method),
            Effect.sync(() => this.#answer(method, params as object)),
          ),
          Deferred.await(connection.lost),
        )
      }),
    // The answers above have the shapes of the methods.
    call: ((method: string, params: unknown) => this.client.request(method, params)) as UpstreamClient["call"],
  }
}
