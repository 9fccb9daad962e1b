/**
 * Sniffing: makes one wire of two that share a path. The first frame of a client selects its wire. A client that sends
 * nothing receives the greeting of the second wire after a delay, and its first frame may still select the first wire.
 * Mounts.ts uses it for JSON-RPC and Mission Control.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Peer } from "../connection/Peer.ts"
import { finish, type Unfinished } from "../connection/Unfinished.ts"
import type { FrameHandler, Wire } from "../connection/Wire.ts"

/** Long enough for a client that sends first, short enough not to delay a greeting noticeably. */
const GREETING_DELAY = "250 millis"

export interface Sniffed {
  readonly first: Wire
  /** Returns whether a first frame selects `first`. */
  readonly isFirst: (frame: string) => boolean
  /** The wire of all other clients. It greets the clients that send nothing. */
  readonly otherwise: Wire
}

interface Opened {
  readonly wire: Wire
  readonly handler: FrameHandler
  readonly scope: Scope.Closeable
}

class SniffingHandler implements FrameHandler {
  readonly #sniffed: Sniffed
  readonly #peer: Peer
  readonly #scope: Scope.Scope
  #greeting: Fiber.Fiber<void> | undefined = undefined
  #opened: Opened | undefined = undefined

  constructor(sniffed: Sniffed, peer: Peer, scope: Scope.Scope) {
    this.#sniffed = sniffed
    this.#peer = peer
    this.#scope = scope
  }

  callsInFlight(): number {
    return this.#opened?.handler.callsInFlight() ?? 0
  }

  sentSeq(): number | undefined {
    return this.#opened?.handler.sentSeq()
  }

  /** Starts the delay after which `otherwise` greets the client. Call it once. */
  startGreeting(): Effect.Effect<void> {
    const greet = Effect.suspend(() => this.#open(this.#sniffed.otherwise))
    return Effect.map(Effect.forkIn(Effect.delay(greet, GREETING_DELAY), this.#scope), (greeting) => {
      this.#greeting = greeting
    })
  }

  onFrames(frames: ReadonlyArray<string>): Unfinished {
    if (this.#greeting === undefined) return this.#opened?.handler.onFrames(frames)
    const { first, isFirst, otherwise } = this.#sniffed
    return this.#select(this.#greeting, isFirst(frames[0]!) ? first : otherwise).pipe(
      Effect.andThen(Effect.suspend(() => finish(this.onFrames(frames)))),
    )
  }

  /** Settles on a wire. Closes the session of the other wire if it has greeted the client. */
  #select(greeting: Fiber.Fiber<void>, wire: Wire): Effect.Effect<void> {
    return Effect.andThen(
      Fiber.interrupt(greeting),
      Effect.suspend(() => {
        this.#greeting = undefined
        this.#peer.setDialect(wire.dialect)
        const opened = this.#opened
        if (opened === undefined) return this.#open(wire)
        return opened.wire === wire
          ? Effect.void
          : Effect.andThen(Scope.close(opened.scope, Exit.void), this.#open(wire))
      }),
    )
  }

  #open(wire: Wire): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.flatMap(Scope.fork(this.#scope), (scope) =>
        Effect.map(Scope.provide(wire.open(this.#peer), scope), (handler) => {
          this.#opened = { wire, handler, scope }
        }),
      ),
    )
  }
}

/** Returns a wire whose clients select one of two wires by their first frame. */
export const sniffing = (sniffed: Sniffed): Wire => ({
  dialect: "undecided",
  open: Effect.fnUntraced(function* (peer) {
    const handler = new SniffingHandler(sniffed, peer, yield* Effect.scope)
    yield* handler.startGreeting()
    return handler
  }),
})
