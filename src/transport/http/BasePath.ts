/**
 * BasePath: wraps the listeners of a Node server, for a gateway below a path. They remove the base path from each request
 * before routes and wires see it. Requests outside of the base path get 404. GatewayServer.ts uses it.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { withinBase } from "../connection/RequestTarget.ts"

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void
type OnUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => void

const problem = (basePath: string): string => JSON.stringify({ error: `not found: this gateway is at ${basePath}/` })

export const onRequest = (basePath: string, handle: OnRequest): OnRequest => {
  if (basePath === "") return handle
  const body = problem(basePath)
  return (request, response) => {
    const target = withinBase(basePath, request.url ?? "/")
    if (target === undefined) {
      response.writeHead(404, { "content-type": "application/json" }).end(request.method === "HEAD" ? undefined : body)
      return
    }
    request.url = target
    handle(request, response)
  }
}

export const onUpgrade = (basePath: string, handle: OnUpgrade): OnUpgrade => {
  if (basePath === "") return handle
  const body = problem(basePath)
  const answer =
    "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  return (request, stream, head) => {
    const target = withinBase(basePath, request.url ?? "/")
    if (target === undefined) {
      stream.on("error", () => stream.destroy())
      stream.end(answer, () => stream.destroy())
      return
    }
    request.url = target
    handle(request, stream, head)
  }
}
