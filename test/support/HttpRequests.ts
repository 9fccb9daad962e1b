/** HTTP requests by Node's own client, which sends every header and shows a response as it arrives. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http"
import { connect } from "node:net"
import { TestGateway } from "./TestGateway.ts"

export interface Sent {
  /** The default is POST with a body and GET without. */
  readonly method?: string
  /** `null` sends no token. The default is the token of the gateway. */
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The parsed body, or `undefined` if it is not JSON. */
  readonly json: any
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const begin = (port: number, right: string, path: string, { body, headers = {}, method, token = right }: Sent) =>
  request({
    host: "127.0.0.1",
    port,
    path,
    method: method ?? (body === undefined ? "GET" : "POST"),
    agent: false,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
      }),
      ...headers,
    },
  })

/** Sends a request and returns the whole response. */
export const ask = Effect.fnUntraced(function* (path: string, sent: Sent = {}) {
  const { port, token } = yield* TestGateway
  return yield* Effect.callback<Answer>((resume) => {
    const outgoing = begin(port, token, path, sent)
    outgoing.on("error", (error) => resume(Effect.die(error)))
    outgoing.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => (text += part))
      response.on("end", () => {
        const { headers, statusCode = 0 } = response
        resume(Effect.succeed({ status: statusCode, headers, text, json: parsed(text) }))
      })
    })
    outgoing.end(sent.body)
  })
})

/** A response that is read as it arrives. */
export interface OpenResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly response: IncomingMessage
  readonly request: ClientRequest
  readonly text: () => string
  /** Waits until the text so far matches, and returns it. */
  readonly until: (matches: (text: string) => boolean) => Effect.Effect<string>
  /** Waits until the response has ended or its connection is gone. Returns whether it is complete. */
  readonly ended: Effect.Effect<boolean>
  /** Cuts the connection. */
  readonly leave: () => void
}

/** Sends a request and returns when the headers of the response are here. The scope cuts the connection. */
export const open = Effect.fnUntraced(function* (
  path: string,
  sent: Sent = {},
): Effect.fn.Return<OpenResponse, never, TestGateway | Scope.Scope> {
  const { port, token } = yield* TestGateway
  const outgoing = yield* Effect.acquireRelease(
    Effect.sync(() => begin(port, token, path, sent)),
    (outgoing) => Effect.sync(() => outgoing.destroy()),
  )
  return yield* Effect.callback<OpenResponse>((resume) => {
    outgoing.on("error", () => {})
    outgoing.on("response", (response) => {
      let text = ""
      const checks = new Set<() => void>()
      response.on("error", () => {})
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
        for (const check of checks) check()
      })
      resume(
        Effect.succeed({
          status: response.statusCode ?? 0,
          headers: response.headers,
          response,
          request: outgoing,
          text: () => text,
          until: (matches) =>
            Effect.callback((resume) => {
              const check = () => {
                if (!matches(text)) return
                checks.delete(check)
                resume(Effect.succeed(text))
              }
              checks.add(check)
              check()
            }),
          ended: Effect.callback((resume) => {
            const done = () => resume(Effect.succeed(response.complete))
            if (response.closed) done()
            else response.once("close", done)
          }),
          leave: () => void outgoing.destroy(),
        }),
      )
    })
    outgoing.end(sent.body)
  })
})

/** Sends bytes and returns the status of the first response once the gateway has closed the connection. */
export const raw = Effect.fnUntraced(function* (bytes: string | Buffer) {
  const { port } = yield* TestGateway
  return yield* Effect.callback<{ readonly status: number; readonly text: string }>((resume) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.setEncoding("utf8").on("data", (part: string) => (text += part))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text })))
    socket.write(bytes)
    return Effect.sync(() => socket.destroy())
  })
})
