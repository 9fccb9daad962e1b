/**
 * Client: speaks a driver's dialect over a real socket. Every conformance suite uses it.
 */
import * as Effect from "effect/Effect"
import type { Position } from "../../src/domain/Event.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { connect, type TestSocket } from "../support/TestSocket.ts"
import type { ContractDriver, Driver, Received } from "./Driver.ts"

export type Reply = Extract<Received, { readonly _tag: "Answer" | "Fault" }>

export class Client {
  readonly socket: TestSocket
  readonly #driver: Driver
  #received: ReadonlyArray<Received> = []
  #lastId = 0

  constructor(socket: TestSocket, driver: Driver) {
    this.socket = socket
    this.#driver = driver
  }

  nextId(): number {
    return ++this.#lastId
  }

  /** Waits for the next message of the gateway. */
  receive(): Effect.Effect<Received> {
    const [next, ...rest] = this.#received
    if (next !== undefined) {
      this.#received = rest
      return Effect.succeed(next)
    }
    return Effect.flatMap(this.socket.next, (frame) => {
      const acknowledgement = this.#driver.acknowledge?.(frame)
      if (acknowledgement !== undefined && this.socket.isOpen) this.socket.send(acknowledgement)
      this.#received = this.#driver.decode(frame)
      return this.receive()
    })
  }

  /** Skips messages until `pick` returns a value, and returns that value. */
  find<A>(pick: (received: Received) => A | undefined): Effect.Effect<A> {
    return Effect.flatMap(this.receive(), (received) => {
      const found = pick(received)
      return found === undefined ? this.find(pick) : Effect.succeed(found)
    })
  }

  /** Waits for the next reply that names this call, or names none. */
  replyTo(id: number): Effect.Effect<Reply> {
    return this.find((received) =>
      (received._tag === "Answer" || received._tag === "Fault") && (received.id === id || received.id === undefined)
        ? received
        : undefined,
    )
  }

  get fault(): Effect.Effect<Extract<Received, { readonly _tag: "Fault" }>> {
    return this.find((received) => (received._tag === "Fault" ? received : undefined))
  }

  get item(): Effect.Effect<Extract<Received, { readonly _tag: "Item" }>> {
    return this.find((received) => (received._tag === "Item" ? received : undefined))
  }

  /** Sends a frame with a new id and waits for the reply to it. */
  ask(frame: (id: number) => string): Effect.Effect<Reply> {
    return Effect.suspend(() => {
      const id = this.nextId()
      this.socket.send(frame(id))
      return this.replyTo(id)
    })
  }

  /** Subscribes and waits until the subscription has caught up. Returns the positions of the events before that. */
  subscribe(from?: Position): Effect.Effect<ReadonlyArray<number>> {
    return Effect.suspend(() => {
      this.socket.send(this.#driver.subscribe(this.nextId(), from))
      const seqs: Array<number> = []
      return this.find((received) => {
        if (received._tag === "Event") seqs.push(received.seq)
        return received._tag === "CaughtUp" ? seqs : undefined
      })
    })
  }

  /** Returns the positions of the next events, up to the first for which `isLast` holds. */
  eventsUntil(isLast: (seq: number) => boolean): Effect.Effect<ReadonlyArray<number>> {
    return Effect.suspend(() => {
      const seqs: Array<number> = []
      return this.find((received) => {
        if (received._tag !== "Event") return undefined
        seqs.push(received.seq)
        return isLast(received.seq) ? seqs : undefined
      })
    })
  }
}

/** Connects without any credential. */
export const openUnauthenticated = Effect.fnUntraced(function* (driver: Driver) {
  const { wsUrl } = yield* TestGateway.TestGateway
  return new Client(yield* connect(`${wsUrl}${driver.path}`), driver)
})

/** Connects with the gateway's token. `resume`: for dialects that resume in their handshake. */
export const open = Effect.fnUntraced(function* (driver: Driver, resume?: Position) {
  const { token, wsUrl } = yield* TestGateway.TestGateway
  const { handshake } = driver
  if (handshake === undefined) return new Client(yield* connect(`${wsUrl}${driver.path}?token=${token}`), driver)
  const client = yield* openUnauthenticated(driver)
  const reply = yield* client.ask((id) => handshake(id, token, resume))
  if (reply._tag === "Fault") return yield* Effect.die(new Error(`the handshake failed: ${reply.fault}`))
  return client
})

/** Connects and subscribes after a position. Returns the client and the positions that it received until it caught up. */
export const resume = Effect.fnUntraced(function* (driver: Driver, from: Position) {
  const client = yield* open(driver, from)
  return { client, seqs: yield* client.subscribe(driver.handshake === undefined ? from : undefined) }
})

/** Connects, stops reading and asks for every event since a position. */
export const openStuck = Effect.fnUntraced(function* (driver: Driver, from: Position) {
  const { token } = yield* TestGateway.TestGateway
  const { handshake } = driver
  const client = yield* handshake === undefined ? open(driver) : openUnauthenticated(driver)
  client.socket.stopReading()
  const id = client.nextId()
  client.socket.send(handshake === undefined ? driver.subscribe(id, from) : handshake(id, token, from))
  return client
})

export const speaksContract = (driver: Driver): driver is ContractDriver => driver.contract !== undefined
