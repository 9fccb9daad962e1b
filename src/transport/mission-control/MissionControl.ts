/**
 * MissionControl: the Mission Control dialect, whose channels show sessions, memory files and logs on dashboards. A
 * client that subscribes receives the list of each channel and then its changes. With a position it receives the
 * changes that it missed instead of the lists.
 *
 * Events.ts encodes events, and Resources.ts answers requests. Mounts.ts mounts the dialect, and
 * docs/protocol/mission-control.md describes the protocol.
 */
import type { Position, ResetReason } from "../../domain/Event.ts"
import type { Principal } from "../../domain/Principal.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { ConnectionFacts, Conversation, Dialect, Inbound, Ref, Unreadable } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import { type Channel, type ClientMessage, readMessage } from "./MessagesIn.ts"
import * as Out from "./MessagesOut.ts"
import { methods } from "./Methods.ts"
import { problemOf } from "./Problems.ts"
import { encode, filterOf, type View, viewKey, viewOf } from "./Events.ts"

interface MissionRef extends Ref {
  /** The type of the answer. */
  readonly type: string
  /** The file that the call writes, if it writes one. */
  readonly date?: unknown
  /** The channels whose lists follow this one. */
  readonly rest?: ReadonlyArray<Channel>
}

type In = Inbound<MissionRef, View>
type Inbounds = ReadonlyArray<In>

/** The key of a connection's only subscription. It covers all channels, so that one position is enough to resume. */
const SUBSCRIPTION = "channels"

const send = (text: string): In => ({ _tag: "Send", text })

const unreadable = [send(Out.error("Invalid message format"))]

/** Calls for the lists of the channels, one after another. A list has the type of its channel. */
const snapshots = ([channel, ...rest]: ReadonlyArray<Channel>): Inbounds =>
  channel === undefined
    ? []
    : [{ _tag: "Call", ref: { id: undefined, type: channel, rest }, method: channel, params: {} }]

/** Encodes the result of a method. */
const encodeResult = (type: string, value: unknown, now: () => number): string => {
  // The contract's schema has encoded the result of its method `ping`.
  if (type === "pong") return Out.pong((value as { readonly at: number }).at)
  return type.endsWith("_complete") ? Out.answer(type, value) : Out.data(type, value, now())
}

class MissionConversation implements Conversation<MissionRef, View> {
  readonly #facts: ConnectionFacts
  readonly #openedAt: number
  readonly #channels = new Set<Channel>()
  /** The client has sent a position, and the gateway has not yet sent `resumed` or `reset`. */
  #resuming = false

  constructor(facts: ConnectionFacts) {
    this.#facts = facts
    this.#openedAt = facts.now()
  }

  greet(): Inbounds {
    return [send(Out.connected(this.#openedAt, this.#facts.connectionId))]
  }

  read(frame: string, principal: Principal | undefined): Inbounds {
    const message = readMessage(frame)
    if (message._tag === "Unreadable") return unreadable
    if (message._tag === "Authenticate") {
      return [{ _tag: "Authenticate", ref: { id: undefined, type: "authenticate" }, token: message.token }]
    }
    return principal === undefined ? [send(Out.error("Not authenticated"))] : this.#handle(message)
  }

  #handle(message: Exclude<ClientMessage, { readonly _tag: "Authenticate" | "Unreadable" }>): Inbounds {
    switch (message._tag) {
      case "Subscribe":
        return this.#subscribe(message.channels, message.unknown, message.after)
      case "Unsubscribe":
        return this.#unsubscribe(message.channels)
      case "Request": {
        const { method, params, type } = message
        return [{ _tag: "Call", ref: { id: undefined, type, date: params["date"] }, method, params }]
      }
      case "InvalidWrite": {
        const { date, problem, type } = message
        return [send(Out.answer(type, { date, success: false, error: problem }))]
      }
      case "Invalid":
        return [send(Out.error(message.problem))]
    }
  }

  #subscribe(wanted: ReadonlyArray<Channel>, unknown: ReadonlyArray<string>, after: Position | undefined): Inbounds {
    const isFirst = this.#channels.size === 0 && wanted.length > 0
    const position = isFirst ? (after ?? this.#facts.head()) : undefined
    const isMore = wanted.some((channel) => !this.#channels.has(channel))
    for (const channel of wanted) this.#channels.add(channel)
    this.#resuming ||= isFirst && after !== undefined
    return [
      send(Out.subscribed(this.#channels, unknown, position)),
      ...(isFirst && after !== undefined ? [] : snapshots(wanted)),
      ...(isMore ? [this.#subscribeChannels(position)] : []),
    ]
  }

  #unsubscribe(unwanted: ReadonlyArray<Channel>): Inbounds {
    const before = this.#channels.size
    for (const channel of unwanted) this.#channels.delete(channel)
    const answer = send(Out.answer("unsubscribed", { channels: [...this.#channels] }))
    if (this.#channels.size === before) return [answer]
    return [
      answer,
      this.#channels.size > 0 ? this.#subscribeChannels(undefined) : { _tag: "Unsubscribe", key: SUBSCRIPTION },
    ]
  }

  /** Subscribes to all channels of the client. Without a position, the subscription continues where it is. */
  #subscribeChannels(from: Position | undefined): In {
    const channels = this.#channels
    return { _tag: "Subscribe", key: SUBSCRIPTION, view: viewOf(channels), filter: filterOf(channels), from }
  }

  joined(_key: string, position: Position, reset: ResetReason | null): Inbounds {
    const resumed = this.#resuming
    this.#resuming = false
    const channels = [...this.#channels]
    if (reset !== null) {
      const message = send(Out.data("reset", { reason: reset, channels }, this.#facts.now(), position))
      return [message, ...snapshots(channels)]
    }
    if (!resumed) return []
    // Log entries are live events, which the gateway does not replay. The list contains the missed ones.
    const message = send(Out.data("resumed", { channels }, this.#facts.now(), position))
    return this.#channels.has("logs") ? [message, ...snapshots(["logs"])] : [message]
  }

  unreadable(why: Unreadable): Inbounds {
    return why === "bug" ? [send(Out.error("Internal error"))] : unreadable
  }

  /** Sends nothing: clients expect no answer to a successful authentication. */
  authenticated(): Inbounds {
    return []
  }

  success({ rest, type }: MissionRef, _method: string, value: unknown): string | Inbounds {
    const text = encodeResult(type, value, this.#facts.now)
    return rest === undefined ? text : [send(text), ...snapshots(rest)]
  }

  failure({ date, rest = [], type }: MissionRef, method: string, fault: Fault): Inbounds {
    if (method === "authenticate") return [{ _tag: "Close", code: CloseCodes.invalidAuthentication }]
    const error = problemOf(method, fault)
    const message = type.endsWith("_complete") ? Out.answer(type, { date, success: false, error }) : Out.error(error)
    return [send(message), ...snapshots(rest)]
  }

  /** Sends nothing: no method of this dialect streams. */
  item(): undefined {}
}

export const missionControl: Dialect<MissionRef, View> = {
  name: "mission-control",
  traits: { greets: true },
  methods,
  converse: (facts) => new MissionConversation(facts),
  viewKey,
  event: (view, item, _json, epoch) => encode(view, item, epoch),
}
