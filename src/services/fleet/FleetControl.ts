/**
 * FleetControl: stops, restarts and steers agents of this gateway and of upstream gateways, and reads the transcripts of
 * their sessions. The handlers of `fleet.command` and `fleet.transcript` use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SendError } from "../../domain/Chat.ts"
import { type CardNotFound, type FleetCommand, FleetCommandFailed, type ListedCard } from "../../domain/Fleet.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Runs } from "../runs/Runs.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { Upstreams } from "../upstreams/Upstreams.ts"
import { Fleet } from "./Fleet.ts"
import { type ReadError, type SessionActions, type TranscriptEntry, upstreamActions } from "./UpstreamActions.ts"

export interface Order {
  readonly command: FleetCommand
  readonly message?: string
}

export interface Carried {
  readonly sessionKeys: ReadonlyArray<string>
  readonly runId?: string
}

/** The newest messages in which `restart` looks for the one to send again. */
const RESTART_ROWS = 50

export class FleetControl extends Context.Service<
  FleetControl,
  {
    /** Fails with `FleetCommandFailed` if an upstream gateway is away or refuses, or if there is nothing to send. */
    command(
      id: string,
      order: Order,
      principal: Principal,
    ): Effect.Effect<Carried, CardNotFound | FleetCommandFailed | SendError>
    /** Returns the newest messages of the card's session, oldest first. */
    transcript(
      id: string,
      limit: number,
    ): Effect.Effect<
      { readonly sessionKey: string | null; readonly entries: ReadonlyArray<TranscriptEntry> },
      CardNotFound | ReadError
    >
  }
>()("causeway/services/fleet/FleetControl") {
  static readonly layer: Layer.Layer<FleetControl, never, Fleet | Runs | Sessions | Upstreams> = Layer.effect(
    FleetControl,
    Effect.gen(function* () {
      const fleet = yield* Fleet
      const runs = yield* Runs
      const sessions = yield* Sessions
      const { all } = yield* Upstreams

      const ownActions = (agentId: string, principal: Principal): SessionActions => ({
        abort: (sessionKey) => Effect.map(runs.abort(sessionKey), (runIds) => runIds.length > 0),
        send: (sessionKey, text) =>
          runs.accept({ text, sessionKey, agentId, commands: false, queue: "steer" }, principal),
        read: (key, limit) =>
          Effect.map(sessions.history(key, { limit }), ({ messages }) =>
            messages.map(({ at, role, text }) => ({ at, role, text })),
          ),
      })

      const actionsOf = (card: ListedCard, principal: Principal): Effect.Effect<SessionActions, FleetCommandFailed> => {
        const { agentId, id, upstream } = card
        if (upstream === null) return Effect.succeed(ownActions(agentId, principal))
        const found = all.find(({ settings }) => settings.name === upstream)
        return found === undefined
          ? Effect.fail(
              new FleetCommandFailed({ id, message: `agent "${id}" is made up: turn off the option fleet.demo` }),
            )
          : Effect.succeed(upstreamActions(id, found.client))
      }

      const command = Effect.fn("FleetControl.command")(function* (id: string, order: Order, principal: Principal) {
        const card = yield* fleet.get(id)
        const actions = yield* actionsOf(card, principal)
        const failed = (message: string) => new FleetCommandFailed({ id, message })
        const key = card.sessionKey ?? `agent:${card.agentId}:main`
        const send = (text: string) =>
          Effect.map(actions.send(key, text), ({ runId }): Carried => ({ sessionKeys: [key], runId }))
        switch (order.command) {
          case "stop": {
            // A run that has just begun upstream may not be on the card yet.
            const keys = new Set([...fleet.atWork(card), ...(card.sessionKey === null ? [] : [card.sessionKey])])
            return { sessionKeys: yield* Effect.filter(keys, actions.abort) }
          }
          case "steer":
            if (order.message === undefined) return yield* failed("steer needs a message: give the field message")
            return yield* send(order.message)
          case "restart": {
            const nothing = failed(`agent "${id}" has no message to send again: steer it with a message`)
            if (card.sessionKey === null) return yield* nothing
            const read = actions.read(key, RESTART_ROWS)
            const entries = yield* Effect.catchTag(read, "SessionNotFound", () => Effect.fail(nothing))
            const text = entries.findLast(({ role }) => role === "user")?.text ?? ""
            if (text === "") return yield* nothing
            yield* actions.abort(key)
            return yield* send(text)
          }
        }
      })

      const transcript = Effect.fn("FleetControl.transcript")(function* (id: string, limit: number) {
        const card = yield* fleet.get(id)
        const { sessionKey } = card
        if (sessionKey === null) return { sessionKey, entries: [] }
        // Reading needs no sender.
        const reader: Principal = { id: "fleet", kind: "local", role: "operator", scopes: [] }
        const { read } = yield* actionsOf(card, reader)
        return { sessionKey, entries: yield* read(sessionKey, limit) }
      })

      return FleetControl.of({ command, transcript })
    }),
  )
}
