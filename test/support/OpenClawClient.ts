/**
 * A client of OpenClaw's protocol for tests: the challenge, `connect` in any form, requests, and a device with its own key.
 */
import * as Effect from "effect/Effect"
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import type { ClientOptions } from "ws"
import { TestGateway } from "./TestGateway.ts"
import { connect, type TestSocket } from "./TestSocket.ts"

export interface Frame {
  readonly type: string
  readonly id?: string
  readonly ok?: boolean
  readonly payload?: any
  readonly result?: any
  readonly params?: any
  readonly error?: {
    readonly code: any
    readonly message: string
    readonly details?: any
    readonly [more: string]: any
  }
  readonly event?: string
  readonly seq?: number
  readonly position?: number
}

const parse = (text: string): Frame => JSON.parse(text) as Frame

export class OpenClawClient {
  readonly socket: TestSocket
  readonly nonce: string
  readonly challenge: Frame
  #lastId = 0

  constructor(socket: TestSocket, challenge: Frame) {
    this.socket = socket
    this.challenge = challenge
    this.nonce = challenge.payload.nonce
  }

  send(frame: unknown): void {
    this.socket.send(JSON.stringify(frame))
  }

  get next(): Effect.Effect<Frame> {
    return Effect.map(this.socket.next, parse)
  }

  /** Skips frames until the answer to the request. */
  answer(id: string): Effect.Effect<Frame> {
    return this.socket.find((text) => {
      const frame = parse(text)
      return frame.type === "res" && frame.id === id ? frame : undefined
    })
  }

  /** Skips frames until an event of this name. */
  event(name: string): Effect.Effect<Frame> {
    return this.socket.find((text) => {
      const frame = parse(text)
      return frame.type === "event" && frame.event === name ? frame : undefined
    })
  }

  /** Sends a request and waits for its answer. Make one request at a time: a waiting caller skips other answers. */
  ask(method: string, params: unknown = {}): Effect.Effect<Frame> {
    return Effect.suspend(() => {
      const id = `r${++this.#lastId}`
      this.send({ type: "req", id, method, params })
      return this.answer(id)
    })
  }

  /** Sends `connect` and returns the next frame. No event may come before the answer. */
  connect(params: object): Effect.Effect<Frame> {
    return Effect.suspend(() => {
      this.send({ type: "req", id: "hello", method: "connect", params })
      return this.next
    })
  }
}

/** Connects and takes the challenge. */
export const open = Effect.fnUntraced(function* (path = "/", options: ClientOptions = {}) {
  const { wsUrl } = yield* TestGateway
  const socket = yield* Effect.orDie(connect(`${wsUrl}${path}`, options))
  return new OpenClawClient(socket, parse(yield* socket.next))
})

export const BACKEND = { id: "gateway-client", version: "0.0.1", platform: "linux", mode: "backend" }

/** Returns the `connect` parameters of a local client with the token. */
export const connectParams = (more: object = {}) =>
  Effect.map(TestGateway, ({ token }) => ({
    minProtocol: 4,
    maxProtocol: 4,
    client: BACKEND,
    role: "operator",
    scopes: ["operator.admin"],
    caps: [],
    auth: { token },
    ...more,
  }))

/** Connects and completes the handshake. */
export const enter = Effect.fnUntraced(function* (more: object = {}, options: ClientOptions = {}) {
  const client = yield* open("/", options)
  const hello = yield* client.connect(yield* connectParams(more))
  if (hello.ok !== true) return yield* Effect.die(new Error(JSON.stringify(hello)))
  return { client, hello: hello.payload }
})

export class TestDevice {
  readonly id: string
  readonly publicKey: string
  readonly #key: KeyObject

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519")
    const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url")
    this.#key = privateKey
    this.publicKey = raw.toString("base64url")
    this.id = createHash("sha256").update(raw).digest("hex")
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64url")
  }

  /** Returns the `device` of a `connect` with these parameters. */
  prove(params: any, nonce: string, { signedAt = Date.now(), version = "v3" } = {}) {
    const { auth = {}, client, role = "operator", scopes = [] } = params
    const token = auth.token ?? auth.deviceToken ?? auth.bootstrapToken ?? ""
    const fields = [version, this.id, client.id, client.mode, role, scopes.join(","), signedAt, token, nonce]
    const lower = (text = "") => text.trim().toLowerCase()
    if (version === "v3") fields.push(lower(client.platform), lower(client.deviceFamily))
    return { id: this.id, publicKey: this.publicKey, signature: this.sign(fields.join("|")), signedAt, nonce }
  }
}

/** Makes the client look remote: the header of a proxy names another machine. */
export const fromAway: ClientOptions = { headers: { "x-forwarded-for": "203.0.113.9" } }

/** Connects as a device. Returns the client and the next frame. */
export const enterAs = Effect.fnUntraced(function* (
  device: TestDevice,
  more: object = {},
  options: ClientOptions = {},
  proof: Parameters<TestDevice["prove"]>[2] = {},
) {
  const client = yield* open("/", options)
  const params = yield* connectParams(more)
  return { client, answer: yield* client.connect({ ...params, device: device.prove(params, client.nonce, proof) }) }
})
