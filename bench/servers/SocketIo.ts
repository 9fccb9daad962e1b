/** socket.io as in its documentation: calls are events with an acknowledgement, and events are broadcasts. */
import { createServer } from "node:http"
import { Server } from "socket.io"
import type { Question } from "../Probe.ts"
import { nextItem } from "./Item.ts"

const http = createServer()
/** The load generator does not answer pings. */
const pingInterval = 3_600_000
const io = new Server(http, { transports: ["websocket"], serveClient: false, pingInterval })

io.on("connection", (socket) => {
  socket.on("ping", (_: unknown, answer: (value: unknown) => void) => answer({ at: Date.now() }))
  socket.on("follow", (answer: (value: unknown) => void) => {
    void socket.join("followers")
    answer({})
  })
  socket.on("ack", () => {})
})

process.on("message", (question: Question) => {
  if (question._tag !== "Tell") return
  for (let i = 0; i < question.count; i++) io.to("followers").emit("event", nextItem())
})

http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${(http.address() as { readonly port: number }).port}`))
