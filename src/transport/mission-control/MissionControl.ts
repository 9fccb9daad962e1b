/**
 * Mission Control: channels of sessions, memory files and logs, as dashboards have them. A client subscribes, gets the
 * list of each channel at once and then what changes, or what it missed if it says where it stood.
 *
 * What events become is Telling.ts, what can be asked for Resources.ts; docs/protocol/mission-control.md has it all.
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
  /** Of the answer. */
  readonly type: string
  /** The file to be written, where one is. */
  readonly date?: unknown
  /** Channels whose lists come after this one's. */
  readonly rest?: ReadonlyArray<Channel>
}

type In = Inbound<MissionRef, View>
type Inbounds = ReadonlyArray<In>

/** The one thing that a connection follows: all channels in one order, so that one position says where it stands. */
const FOLLOWED = "channels"

const send = (text: string): In => ({ _tag: "Send", text })

const unreadable = [send(Out.error("Invalid message format"))]

/** Asks for the channels' lists, one after another. A list answers as a message of its channel's name. */
const snapshots = ([channel, ...rest]: ReadonlyArray<Channel>): Inbounds =>
  channel === undefined
    ? []
    : [{ _tag: "Call", ref: { id: undefined, type: channel, rest }, method: channel, params: {} }]

/** Said of when: everything that is not an answer to the client's own bookkeeping. */
const isData = (type: string): boolean => type !== "pong" && !type.endsWith("_complete")

class MissionConversation implements Conversation<MissionRef, View> {
  readonly #facts: ConnectionFacts
  readonly #openedAt: number
  readonly #channels = new Set<Channel>()
  /** The client has said where it stood, and has not been told yet whether it can go on from there. */
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
    return principal === undefined ? [send(Out.error("Not authenticated"))] : this.#obey(message)
  }

  #obey(message: Exclude<ClientMessage, { readonly _tag: "Authenticate" | "Unreadable" }>): Inbounds {
    switch (message._tag) {
      case "Subscribe":
        return this.#subscribe(message.channels, message.unknown, message.after)
      case "Unsubscribe":
        return this.#unsubscribe(message.channels)
      case "Request": {
        const { method, params, type } = message
        return [{ _tag: "Call", ref: { id: undefined, type, date: params["date"] }, method, params }]
      }
      case "Refused": {
        const { date, problem, type } = message
        return [send(Out.answer(type, { date, success: false, error: problem }))]
      }
      case "Wrong":
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
      ...(isMore ? [this.#follow(position)] : []),
    ]
  }

  #unsubscribe(unwanted: ReadonlyArray<Channel>): Inbounds {
    const before = this.#channels.size
    for (const channel of unwanted) this.#channels.delete(channel)
    const said = send(Out.answer("unsubscribed", { channels: [...this.#channels] }))
    if (this.#channels.size === before) return [said]
    return [said, this.#channels.size > 0 ? this.#follow(undefined) : { _tag: "Unsubscribe", key: FOLLOWED }]
  }

  /** Without a position it goes on where it stands. */
  #follow(from: Position | undefined): In {
    return { _tag: "Subscribe", key: FOLLOWED, view: viewOf(this.#channels), filter: filterOf(this.#channels), from }
  }

  joined(_key: string, position: Position, reset: ResetReason | null): Inbounds {
    const resumed = this.#resuming
    this.#resuming = false
    const channels = [...this.#channels]
    if (reset !== null) {
      const said = send(Out.data("reset", { reason: reset, channels }, this.#facts.now(), position))
      return [said, ...snapshots(channels)]
    }
    if (!resumed) return []
    // Entries of the log are live only: what was missed of them is not among what was told.
    const said = send(Out.data("resumed", { channels }, this.#facts.now(), position))
    return this.#channels.has("logs") ? [said, ...snapshots(["logs"])] : [said]
  }

  unreadable(why: Unreadable): Inbounds {
    return why === "bug" ? [send(Out.error("Internal error"))] : unreadable
  }

  /** As clients know it: nothing is said, and the next message is obeyed. */
  authenticated(): Inbounds {
    return []
  }

  success({ rest = [], type }: MissionRef, _method: string, value: unknown): Inbounds {
    const said = isData(type) ? Out.data(type, value, this.#facts.now()) : Out.answer(type, value)
    return [send(said), ...snapshots(rest)]
  }

  failure({ date, rest = [], type }: MissionRef, method: string, fault: Fault): Inbounds {
    if (method === "authenticate") return [{ _tag: "Close", code: CloseCodes.invalidAuthentication }]
    const error = problemOf(method, fault)
    const said = type.endsWith("_complete") ? Out.answer(type, { date, success: false, error }) : Out.error(error)
    return [send(said), ...snapshots(rest)]
  }

  /** Nothing here streams. */
  item(): undefined {}
}

export const missionControl: Dialect<MissionRef, View> = {
  name: "mission-control",
  methods,
  converse: (facts) => new MissionConversation(facts),
  viewKey,
  event: (view, item, _json, epoch) => encode(view, item, epoch),
}
