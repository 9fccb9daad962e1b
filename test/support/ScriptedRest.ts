/** An HTTP server whose every answer the test gives. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export class RestRequest {
  readonly headers: IncomingHttpHeaders
  readonly url: string
  readonly #response: ServerResponse

  constructor(url: string, headers: IncomingHttpHeaders, response: ServerResponse) {
    this.url = url
    this.headers = headers
    this.#response = response
  }

  /** Answers with a text, or with JSON. */
  answer(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): void {
    this.#response.writeHead(status, headers)
    this.#response.end(typeof body === "string" ? body : JSON.stringify(body))
  }

  /** Ends the connection without an answer. */
  cut(): void {
    this.#response.destroy()
  }
}

/** Listens on a free port until the scope closes. */
export const make = Effect.gen(function* () {
  const requests = yield* Queue.unbounded<RestRequest>()
  const server = createServer((request, response) => {
    Queue.offerUnsafe(requests, new RestRequest(request.url ?? "", request.headers, response))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/agents`,
    /** Waits for the next request. */
    next: Queue.take(requests),
    /** Returns the number of requests that nobody has taken. */
    waiting: () => Queue.sizeUnsafe(requests),
  }
})
