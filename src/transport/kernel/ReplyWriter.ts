/**
 * What a conversation has to say of calls, worded and sent. A dialect that throws while it words an answer loses that
 * answer, to one that says there was a bug. It knows no call.
 */
import * as Effect from "effect/Effect"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Conversation, Inbound, Ref, Reply } from "../dialect/Dialect.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import type { Closer, ConnectionAuth, PeerIdentity, Sender } from "../connection/Peer.ts"

const charsOf = <R extends Ref>(reply: Reply<R>): number => {
  if (reply === undefined) return 0
  if (typeof reply === "string") return reply.length
  return reply.reduce((chars, inbound) => chars + (inbound._tag === "Say" ? inbound.text.length : 0), 0)
}

type ReplyPeer = PeerIdentity & Pick<ConnectionAuth, "usage"> & Sender & Closer

export class ReplyWriter<R extends Ref> {
  readonly #peer: ReplyPeer
  readonly #conversation: Conversation<R>
  /** Does what follows from an answer. */
  readonly #followUp: (inbound: ReadonlyArray<Inbound<R>>) => Effect.Effect<void>

  constructor(
    peer: ReplyPeer,
    conversation: Conversation<R>,
    onward: (inbound: ReadonlyArray<Inbound<R>>) => Effect.Effect<void>,
  ) {
    this.#peer = peer
    this.#conversation = conversation
    this.#followUp = onward
  }

  success(ref: R, name: string, value: unknown, json?: () => string): Effect.Effect<void> {
    const answer = (conversation: Conversation<R>): Reply<R> => conversation.success(ref, name, value, json)
    return this.answer(ref, name, answer, true)
  }

  failure(ref: R, name: string, fault: Fault): Effect.Effect<void> {
    return this.answer(ref, name, (conversation) => conversation.failure(ref, name, fault))
  }

  /** `bounded`: a large answer is refused while the principal has too much in flight. */
  answer(
    ref: R,
    name: string,
    word: (conversation: Conversation<R>) => Reply<R>,
    bounded = false,
  ): Effect.Effect<void> {
    return Effect.suspend(() => {
      try {
        const reply = word(this.#conversation)
        const refusal = bounded ? this.#peer.usage?.answerRefusal(charsOf(reply)) : undefined
        return refusal === undefined ? this.#reply(reply) : this.failure(ref, name, Faults.refused(refusal))
      } catch (bug) {
        return Effect.andThen(this.log(`an answer to ${name} was not said`, bug), this.#sendInternalError(ref, name))
      }
    })
  }

  /** What cannot be worded ends its stream, and with it the call. */
  item(ref: R, name: string, json: unknown, seq: number | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      try {
        return this.#reply(this.#conversation.item(ref, name, json), seq)
      } catch (bug) {
        return Effect.andThen(this.log(`an item of ${name} was not said`, bug), Effect.die(bug))
      }
    })
  }

  log(message: string, bug: unknown): Effect.Effect<void> {
    const { dialect, id: connection } = this.#peer
    return Effect.annotateLogs(Effect.logError(message, bug), { dialect, connection })
  }

  #sendInternalError(ref: R, name: string): Effect.Effect<void> {
    return Effect.catchDefect(
      Effect.suspend(() => this.#reply(this.#conversation.failure(ref, name, Faults.internal))),
      () => Effect.sync(() => this.#peer.close(CloseCodes.internal)),
    )
  }

  #reply(reply: Reply<R>, seq?: number): Effect.Effect<void> {
    if (typeof reply === "object") return this.#followUp(reply)
    if (reply !== undefined) this.#peer.send(reply, seq)
    return Effect.void
  }
}
