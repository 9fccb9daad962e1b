/**
 * One path for two wires: the client's first frame decides which it speaks, and pins it. A client that waits to be
 * greeted is greeted in the second wire's way after a moment, and may still begin in the first. It knows no frame.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Peer } from "../connection/Peer.ts"
import type { FrameHandler, Wire } from "../connection/Wire.ts"

/** Longer than a client that speaks at once takes, shorter than one that waits for its greeting notices. */
const PATIENCE = "250 millis"

export interface Sniffed {
  /** Spoken to those whose first frame it is. */
  readonly first: Wire
  readonly isFirst: (frame: string) => boolean
  /** Spoken to all others. */
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

  /** To be called once. */
  greetSoon(): Effect.Effect<void> {
    const greet = Effect.suspend(() => this.#open(this.#sniffed.otherwise))
    return Effect.map(Effect.forkIn(Effect.delay(greet, PATIENCE), this.#scope), (greeting) => {
      this.#greeting = greeting
    })
  }

  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void> {
    if (this.#greeting === undefined) return this.#opened?.handler.onFrames(frames) ?? Effect.void
    const { first, isFirst, otherwise } = this.#sniffed
    return this.#pin(this.#greeting, isFirst(frames[0]!) ? first : otherwise).pipe(
      Effect.andThen(Effect.suspend(() => this.onFrames(frames))),
    )
  }

  #pin(greeting: Fiber.Fiber<void>, wire: Wire): Effect.Effect<void> {
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

export const sniffing = (sniffed: Sniffed): Wire => ({
  dialect: "undecided",
  open: Effect.fnUntraced(function* (peer) {
    const handler = new SniffingHandler(sniffed, peer, yield* Effect.scope)
    yield* handler.greetSoon()
    return handler
  }),
})
