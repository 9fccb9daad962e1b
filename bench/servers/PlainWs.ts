/**
 * The floor: plain `ws`. It echoes each message. Clients at `/follow` receive events from a loop of `send`, and the server
 * ignores their messages.
 */
import { type WebSocket, WebSocketServer } from "ws"
import type { Question } from "../Probe.ts"
import { nextItem } from "./Item.ts"

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, clientTracking: false })
const followers = new Set<WebSocket>()

server.on("connection", (socket, request) => {
  if (request.url === "/follow") {
    followers.add(socket)
    socket.on("message", () => {}).on("close", () => followers.delete(socket))
  } else {
    socket.on("message", (data, binary) => socket.send(data, { binary }))
  }
})

process.on("message", (question: Question) => {
  if (question._tag !== "Tell") return
  for (let i = 0; i < question.count; i++) {
    const text = JSON.stringify(nextItem())
    for (const follower of followers) follower.send(text)
  }
})

server.on("listening", () => console.log(`127.0.0.1:${(server.address() as { readonly port: number }).port}`))
