/**
 * A WebSocket as a test holds it: frames in the order in which they came, and how it ended. What it waits for must come;
 * if the socket ends instead, the test learns with which words.
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

/** The gateway answered the upgrade with HTTP. */
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
  /** All that came, for the message of a test that fails. */
  readonly #heard: Array<string> = []
  /** What the pongs carried. */
  readonly pongs: Array<string> = []

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on("message", (data) => {
      const text = data.toString()
      this.#heard.push(text)
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

  /** Bytes as the text that they may not be. */
  sendText(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: false })
  }

  /** The next frame. */
  get next(): Effect.Effect<string> {
    const ended = Effect.flatMap(Deferred.await(this.#closed), ({ code, reason }) =>
      Queue.sizeUnsafe(this.#frames) > 0
        ? Queue.take(this.#frames)
        : Effect.die(new Error(`closed with ${code} ${reason} instead; heard ${this.#heard.slice(-5).join("\n")}`)),
    )
    return this.#patiently(Effect.raceFirst(Queue.take(this.#frames), ended))
  }

  /** The next frame that is one; what comes before it is passed over. */
  find<A>(pick: (frame: string) => A | undefined): Effect.Effect<A> {
    return Effect.flatMap(this.next, (frame) => {
      const found = pick(frame)
      return found === undefined ? this.find(pick) : Effect.succeed(found)
    })
  }

  /** What has come so far and was not taken. */
  get rest(): ReadonlyArray<string> {
    return Effect.runSync(Queue.clear(this.#frames))
  }

  /** How many frames have come and were not taken. */
  get waiting(): number {
    return Queue.sizeUnsafe(this.#frames)
  }

  get closed(): Effect.Effect<Closed> {
    return this.#patiently(Deferred.await(this.#closed))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Bytes that the network has not taken. */
  get unsent(): number {
    return this.#socket.bufferedAmount
  }

  /** Past the protocol: what ws itself would not send. */
  sendBytes(bytes: Buffer): void {
    // Not public; ws has no other way to it.
    const { _socket } = this.#socket as unknown as { readonly _socket: { write(bytes: Buffer): void } }
    _socket.write(bytes)
  }

  ping(payload: string): void {
    this.#socket.ping(payload)
  }

  /** Reads nothing more from the network, as a client does that hangs. */
  stopReading(): void {
    this.#socket.pause()
  }

  goOnReading(): void {
    this.#socket.resume()
  }

  /** Ends without a word, as a network does. */
  cut(): void {
    this.#socket.terminate()
  }

  #patiently<A>(effect: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.timeoutOrElse(effect, {
      duration: PATIENCE,
      orElse: () => Effect.die(new Error(`nothing came; heard ${this.#heard.slice(-5).join("\n")}`)),
    })
  }
}

/** Connected until the scope closes. */
export const connect = (url: string, options: ClientOptions = {}): Effect.Effect<TestSocket, Refused, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<TestSocket, Refused>((resume) => {
      const socket = new WebSocket(url, { maxPayload: 0, ...options })
      // At once: the first frame may come with the answer to the handshake.
      const test = new TestSocket(socket)
      socket.once("open", () => resume(Effect.succeed(test)))
      socket.once("unexpected-response", (_, response) => {
        resume(Effect.fail(new Refused(response.statusCode ?? 0)))
        response.resume()
      })
    }),
    (socket) => Effect.sync(() => socket.cut()),
  )
