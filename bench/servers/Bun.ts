/**
 * Bun's own server: it echoes each message, and publishes events to the clients at `/follow` by its native publication.
 */
import type { Question } from "../Probe.ts"
import { nextItem } from "./Item.ts"

/** The parts of Bun that this server uses. Node's types do not have them. */
declare const Bun: {
  serve(options: {
    readonly port: number
    readonly hostname: string
    fetch(request: Request, server: BunServer): Response | undefined
    readonly websocket: {
      open(socket: BunSocket): void
      message(socket: BunSocket, text: string | Uint8Array): void
    }
  }): BunServer & { readonly port: number }
}

interface BunServer {
  upgrade(request: Request, options: { readonly data: { readonly follows: boolean } }): boolean
  publish(topic: string, text: string): void
}

interface BunSocket {
  readonly data: { readonly follows: boolean }
  subscribe(topic: string): void
  send(text: string | Uint8Array): void
}

const EVENTS = "events"

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, server) => {
    const data = { follows: new URL(request.url).pathname === "/follow" }
    return server.upgrade(request, { data }) ? undefined : new Response("not a WebSocket", { status: 400 })
  },
  websocket: {
    open: (socket) => {
      if (socket.data.follows) socket.subscribe(EVENTS)
    },
    message: (socket, text) => {
      if (!socket.data.follows) socket.send(text)
    },
  },
})

process.on("message", (question: Question) => {
  if (question._tag !== "Tell") return
  for (let i = 0; i < question.count; i++) server.publish(EVENTS, JSON.stringify(nextItem()))
})

console.log(`127.0.0.1:${server.port}`)
