/**
 * A client that speaks a driver's dialect over a real socket, for the suites.
 */
import * as Effect from "effect/Effect"
import type { Position } from "../../src/domain/Event.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { connect, type TestSocket } from "../support/TestSocket.ts"
import type { ContractDriver, Driver, Said } from "./Driver.ts"

export type Reply = Extract<Said, { readonly _tag: "Answer" | "Fault" }>

export class Talk {
  readonly socket: TestSocket
  readonly #driver: Driver
  #heard: ReadonlyArray<Said> = []
  #lastId = 0

  constructor(socket: TestSocket, driver: Driver) {
    this.socket = socket
    this.#driver = driver
  }

  nextId(): number {
    return ++this.#lastId
  }

  /** The next that the gateway says. */
  hear(): Effect.Effect<Said> {
    const [next, ...rest] = this.#heard
    if (next !== undefined) {
      this.#heard = rest
      return Effect.succeed(next)
    }
    return Effect.flatMap(this.socket.next, (frame) => {
      const acknowledgement = this.#driver.acknowledge?.(frame)
      if (acknowledgement !== undefined && this.socket.isOpen) this.socket.send(acknowledgement)
      this.#heard = this.#driver.read(frame)
      return this.hear()
    })
  }

  /** The next that is one; what comes before it is passed over. */
  find<A>(pick: (said: Said) => A | undefined): Effect.Effect<A> {
    return Effect.flatMap(this.hear(), (said) => {
      const found = pick(said)
      return found === undefined ? this.find(pick) : Effect.succeed(found)
    })
  }

  /** What is said to the call with this id, or to none by name. */
  replyTo(id: number): Effect.Effect<Reply> {
    return this.find((said) =>
      (said._tag === "Answer" || said._tag === "Fault") && (said.id === id || said.id === undefined) ? said : undefined,
    )
  }

  /** Says a frame that has an id and waits for what is said to it. */
  ask(frame: (id: number) => string): Effect.Effect<Reply> {
    return Effect.suspend(() => {
      const id = this.nextId()
      this.socket.send(frame(id))
      return this.replyTo(id)
    })
  }

  /** Follows, and waits for the present; answers which events were told on the way. */
  follow(from?: Position): Effect.Effect<ReadonlyArray<number>> {
    return Effect.suspend(() => {
      this.socket.send(this.#driver.subscribe(this.nextId(), from))
      const seqs: Array<number> = []
      return this.find((said) => {
        if (said._tag === "Told") seqs.push(said.seq)
        return said._tag === "Present" ? seqs : undefined
      })
    })
  }

  /** The positions of what is told, up to the first for which this holds. */
  toldUntil(isLast: (seq: number) => boolean): Effect.Effect<ReadonlyArray<number>> {
    return Effect.suspend(() => {
      const seqs: Array<number> = []
      return this.find((said) => {
        if (said._tag !== "Told") return undefined
        seqs.push(said.seq)
        return isLast(said.seq) ? seqs : undefined
      })
    })
  }
}

/** Connected with the gateway's token. */
export const open = Effect.fnUntraced(function* (driver: Driver) {
  const { token, wsUrl } = yield* TestGateway.TestGateway
  return new Talk(yield* connect(`${wsUrl}${driver.path}?token=${token}`), driver)
})

/** Connected without a word of who it is. */
export const openUnknown = Effect.fnUntraced(function* (driver: Driver) {
  const { wsUrl } = yield* TestGateway.TestGateway
  return new Talk(yield* connect(`${wsUrl}${driver.path}`), driver)
})

export const speaksContract = (driver: Driver): driver is ContractDriver => driver.contract !== undefined
