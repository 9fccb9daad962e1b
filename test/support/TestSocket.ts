/**
 * A WebSocket for tests. It keeps the received frames in order, and the close. A wait fails with the reason if the socket
 * closes instead, or if nothing arrives in time.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type ClientOptions, WebSocket } from "ws"

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** The gateway refused the upgrade with an HTTP status. */
export class Refused extends Error {
  readonly status: number
  constructor(status: number) {
    super(`refused with ${status}`)
    this.status = status
  }
}

const PATIENCE = "15 seconds"

export class TestSocket {
  readonly #socket: WebSocket
  readonly #frames = Effect.runSync(Queue.unbounded<string>())
  readonly #closed = Deferred.makeUnsafe<Closed>()
  /** All received frames, for the message of a failing test. */
  readonly #received: Array<string> = []
  /** The payloads of the received pongs. */
  readonly pongs: Array<string> = []

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on("message", (data) => {
      const text = data.toString()
      this.#received.push(text)
      Queue.offerUnsafe(this.#frames, text)
    })
    socket.on("close", (code, reason) =>
      Deferred.doneUnsafe(this.#closed, Effect.succeed({ code, reason: reason.toString() })),
    )
    socket.on("pong", (payload) => this.pongs.push(payload.toString()))
    socket.on("error", () => {})
  }

  send(...frames: ReadonlyArray<string | Buffer>): void {
    for (const frame of frames) this.#socket.send(frame)
  }

  /** Sends bytes as a text frame, even if they are not UTF-8. */
  sendText(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: false })
  }

  /** Waits for the next frame. */
  get next(): Effect.Effect<string> {
    const ended = Effect.flatMap(Deferred.await(this.#closed), ({ code, reason }) =>
      Queue.sizeUnsafe(this.#frames) > 0
        ? Queue.take(this.#frames)
        : Effect.die(
            new Error(`closed with ${code} ${reason} instead; received ${this.#received.slice(-5).join("\n")}`),
          ),
    )
    return this.#patiently(Effect.raceFirst(Queue.take(this.#frames), ended))
  }

  /** Skips frames until `pick` returns a value, and returns that value. */
  find<A>(pick: (frame: string) => A | undefined): Effect.Effect<A> {
    return Effect.flatMap(this.next, (frame) => {
      const found = pick(frame)
      return found === undefined ? this.find(pick) : Effect.succeed(found)
    })
  }

  /** Takes every frame that has arrived so far. */
  get rest(): ReadonlyArray<string> {
    return Effect.runSync(Queue.clear(this.#frames))
  }

  /** The number of frames that have arrived and that the test has not taken. */
  get waiting(): number {
    return Queue.sizeUnsafe(this.#frames)
  }

  get closed(): Effect.Effect<Closed> {
    return this.#patiently(Deferred.await(this.#closed))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** The number of bytes that the network has not accepted. */
  get unsent(): number {
    return this.#socket.bufferedAmount
  }

  /** Writes raw bytes, which `ws` itself would not send. */
  sendBytes(bytes: Buffer): void {
    // `ws` has no public access to its socket.
    const { _socket } = this.#socket as unknown as { readonly _socket: { write(bytes: Buffer): void } }
    _socket.write(bytes)
  }

  ping(payload: string): void {
    this.#socket.ping(payload)
  }

  /** Stops reading from the network, as a hanging client does. */
  stopReading(): void {
    this.#socket.pause()
  }

  goOnReading(): void {
    this.#socket.resume()
  }

  /** Ends the connection without a close frame, as a network failure does. */
  cut(): void {
    this.#socket.terminate()
  }

  #patiently<A>(effect: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.timeoutOrElse(effect, {
      duration: PATIENCE,
      orElse: () => Effect.die(new Error(`nothing arrived; received ${this.#received.slice(-5).join("\n")}`)),
    })
  }
}

/** Connects until the scope closes. */
export const connect = (url: string, options: ClientOptions = {}): Effect.Effect<TestSocket, Refused, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<TestSocket, Refused>((resume) => {
      const socket = new WebSocket(url, { maxPayload: 0, ...options })
      // The first frame may arrive together with the answer to the handshake.
      const test = new TestSocket(socket)
      socket.once("open", () => resume(Effect.succeed(test)))
      socket.once("unexpected-response", (_, response) => {
        resume(Effect.fail(new Refused(response.statusCode ?? 0)))
        response.resume()
      })
    }),
    (socket) => Effect.sync(() => socket.cut()),
  )
