/**
 * ReplyWriter: encodes the replies to calls in the dialect and sends them. If encoding a reply throws, the client
 * receives an internal error instead. DialectSession.ts uses it.
 */
import * as Effect from "effect/Effect"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Conversation, Inbound, Ref, Reply } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import type { Closer, ConnectionAuth, PeerIdentity, Sender } from "../connection/Peer.ts"
import { finish, type Unfinished } from "../connection/Unfinished.ts"

type ReplyPeer = PeerIdentity & Pick<ConnectionAuth, "usage"> & Sender & Closer

const charsOf = <R extends Ref, V>(reply: Reply<R, V>): number => {
  if (reply === undefined) return 0
  if (typeof reply === "string") return reply.length
  return reply.reduce((chars, inbound) => chars + (inbound._tag === "Send" ? inbound.text.length : 0), 0)
}

export class ReplyWriter<R extends Ref, V> {
  readonly #peer: ReplyPeer
  readonly #conversation: Conversation<R, V>
  /** Handles the requests of a reply. */
  readonly #followUp: (inbound: ReadonlyArray<Inbound<R, V>>) => Unfinished

  constructor(
    peer: ReplyPeer,
    conversation: Conversation<R, V>,
    followUp: (inbound: ReadonlyArray<Inbound<R, V>>) => Unfinished,
  ) {
    this.#peer = peer
    this.#conversation = conversation
    this.#followUp = followUp
  }

  success(ref: R, name: string, value: unknown, json?: () => string): Unfinished {
    return this.answer(ref, name, (conversation) => conversation.success(ref, name, value, json), true)
  }

  failure(ref: R, name: string, fault: Fault): Unfinished {
    return this.answer(ref, name, (conversation) => conversation.failure(ref, name, fault))
  }

  /** Encodes and sends a reply. `bounded` refuses a large reply while the principal has too many bytes in flight. */
  answer(ref: R, name: string, encode: (conversation: Conversation<R, V>) => Reply<R, V>, bounded = false): Unfinished {
    try {
      const reply = encode(this.#conversation)
      const refusal = bounded ? this.#peer.usage?.answerRefusal(charsOf(reply)) : undefined
      return refusal === undefined ? this.#reply(reply) : this.failure(ref, name, Faults.refused(refusal))
    } catch (bug) {
      return Effect.andThen(this.log(`encoding the reply to ${name} failed`, bug), this.#sendInternalError(ref, name))
    }
  }

  /** Sends an item of a stream. If encoding it throws, the effect dies and ends the stream. */
  item(ref: R, name: string, json: unknown, seq: number | undefined): Unfinished {
    try {
      return this.#reply(this.#conversation.item(ref, name, json), seq)
    } catch (bug) {
      return Effect.andThen(this.log(`encoding an item of ${name} failed`, bug), Effect.die(bug))
    }
  }

  /** Logs a bug of the dialect or of a method, with the connection. */
  log(message: string, bug: unknown): Effect.Effect<void> {
    const { dialect, id: connection } = this.#peer
    return Effect.annotateLogs(Effect.logError(message, bug), { dialect, connection })
  }

  /** Sends an internal error. Closes the connection if the dialect cannot encode that either. */
  #sendInternalError(ref: R, name: string): Effect.Effect<void> {
    return Effect.catchDefect(
      Effect.suspend(() => finish(this.#reply(this.#conversation.failure(ref, name, Faults.internal)))),
      () => Effect.sync(() => this.#peer.close(CloseCodes.internal)),
    )
  }

  #reply(reply: Reply<R, V>, seq?: number): Unfinished {
    if (typeof reply === "object") return this.#followUp(reply)
    if (reply !== undefined) this.#peer.send(reply, seq)
    return undefined
  }
}
