/**
 * An OpenClaw gateway whose every frame the test writes, so that it can do its worst: hang, lie, repeat itself, close between
 * frames and come back as another one.
 */
import { expect } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"

export interface Request {
  readonly type: string
  readonly id: string
  readonly method: string
  readonly params: any
}

export class UpstreamConnection {
  readonly #socket: WebSocket
  readonly #requests = Effect.runSync(Queue.unbounded<Request>())
  readonly #closed = Deferred.makeUnsafe<{ readonly code: number; readonly reason: string }>()

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on("message", (data) => Queue.offerUnsafe(this.#requests, JSON.parse(data.toString()) as Request))
    socket.on("close", (code, reason) =>
      Deferred.doneUnsafe(this.#closed, Effect.succeed({ code, reason: reason.toString() })),
    )
    socket.on("error", () => {})
  }

  /** Sends frames, or raw texts. */
  send(...frames: ReadonlyArray<unknown>): void {
    for (const frame of frames) this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame))
  }

  event(event: string, payload: unknown = {}, more: object = {}): void {
    this.send({ type: "event", event, payload, ...more })
  }

  answer({ id }: Request, payload: unknown = {}): void {
    this.send({ type: "res", id, ok: true, payload })
  }

  refuse({ id }: Request, error: object): void {
    this.send({ type: "res", id, ok: false, error })
  }

  /** Waits for the next request. */
  get next(): Effect.Effect<Request> {
    return Queue.take(this.#requests)
  }

  /** Waits for the next request, which must be of this method. */
  expect(method: string): Effect.Effect<Request> {
    return Effect.tap(this.next, (request) => Effect.sync(() => expect(request.method).toBe(method)))
  }

  /** Waits for the end of the connection. */
  get closed(): Effect.Effect<{ readonly code: number; readonly reason: string }> {
    return Deferred.await(this.#closed)
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason)
  }

  /** Ends the connection without a close frame, as a crash does. */
  cut(): void {
    this.#socket.terminate()
  }

  /** Sends the challenge and waits for `connect`. */
  challenge(more: object = {}): Effect.Effect<Request> {
    return Effect.suspend(() => {
      this.event("connect.challenge", { nonce: "nonce", ts: 1_795_189_207_899, ...more })
      return this.expect("connect")
    })
  }

  /** Lets the client in. Returns its `connect`. */
  welcome(hello: object = {}, challenge: object = {}): Effect.Effect<Request> {
    return Effect.tap(this.challenge(challenge), (connect) =>
      Effect.sync(() => this.answer(connect, { ...HELLO, ...hello })),
    )
  }
}

export const HELLO = {
  type: "hello-ok",
  protocol: 4,
  server: { version: "scripted", connId: "c1" },
  features: { methods: [], events: [] },
  snapshot: { presence: [], health: {}, stateVersion: { presence: 1, health: 1 }, uptimeMs: 1 },
  auth: { role: "operator", scopes: ["operator.read"] },
  policy: { maxPayload: 1_000_000, maxBufferedBytes: 1_000_000, tickIntervalMs: 30_000 },
}

export interface ScriptedUpstream {
  readonly port: number
  readonly url: string
  /** Waits for the next connection. */
  readonly accept: Effect.Effect<UpstreamConnection>
  /** Returns the number of connections so far. */
  readonly connections: () => number
}

/** Listens on a free port until the scope closes. */
export const make = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ server: WebSocketServer; accepted: Queue.Queue<UpstreamConnection>; count: () => number }>(
      (resume) => {
        const accepted = Effect.runSync(Queue.unbounded<UpstreamConnection>())
        let count = 0
        const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
        server.on("connection", (socket) => {
          count++
          Queue.offerUnsafe(accepted, new UpstreamConnection(socket))
        })
        server.once("listening", () => resume(Effect.succeed({ server, accepted, count: () => count })))
      },
    ),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        for (const socket of server.clients) socket.terminate()
        server.close(() => resume(Effect.void))
      }),
  ),
  ({ accepted, count, server }): ScriptedUpstream => {
    const { port } = server.address() as AddressInfo
    return { port, url: `ws://127.0.0.1:${port}/`, accept: Queue.take(accepted), connections: count }
  },
)
