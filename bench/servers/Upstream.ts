/**
 * An OpenClaw gateway with many agents and sessions, as far as a fleet sees it. It closes its connections when it is told to,
 * so that the fleet synchronizes again. The arguments are the numbers of agents and sessions.
 */
import { type WebSocket, WebSocketServer } from "ws"
import type { Question } from "../Probe.ts"

const [agentCount = 200, sessionCount = 5_000] = process.argv.slice(2).map(Number)

const agents = Array.from({ length: agentCount }, (_, n) => ({ id: `agent-${n}`, name: `Agent ${n}` }))

const sessions = Array.from({ length: sessionCount }, (_, n) => ({
  key: `agent:agent-${n % agentCount}:direct:peer-${n}`,
  agentId: `agent-${n % agentCount}`,
  displayName: `Peer ${n}`,
  derivedTitle: `What peer ${n} asks for`,
  lastMessagePreview: `The newest message of peer ${n}`,
  channel: "web",
  hasActiveRun: n % 50 === 0,
  updatedAt: 1_795_189_207_899 - n * 1_000,
}))

const hello = {
  type: "hello-ok",
  protocol: 4,
  server: { version: "bench", connId: "c" },
  features: { methods: [], events: ["agent.config"] },
  policy: { maxPayload: 26_214_400, tickIntervalMs: 30_000 },
}

interface Page {
  readonly limit?: number
  readonly offset?: number
}

const answers: Readonly<Record<string, (params: Page) => unknown>> = {
  connect: () => hello,
  "sessions.subscribe": () => ({ subscribed: true }),
  "agents.list": () => ({ defaultId: "agent-0", agents }),
  "sessions.list": ({ limit = 100, offset = 0 }) => ({
    sessions: sessions.slice(offset, offset + limit),
    hasMore: offset + limit < sessions.length,
  }),
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
const clients = new Set<WebSocket>()

server.on("connection", (socket) => {
  clients.add(socket)
  const send = (frame: object) => socket.send(JSON.stringify(frame))
  const tick = setInterval(() => send({ type: "event", event: "tick", payload: {} }), 10_000)
  socket.on("close", () => {
    clearInterval(tick)
    clients.delete(socket)
  })
  socket.on("message", (data) => {
    const { id, method, params } = JSON.parse(String(data))
    send({ type: "res", id, ok: true, payload: answers[method]?.(params) ?? {} })
  })
  send({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: Date.now() } })
})

process.on("message", (question: Question) => {
  if (question._tag === "Tell") for (const client of clients) client.close(1012, "restart")
})

server.on("listening", () => console.log(`127.0.0.1:${(server.address() as { readonly port: number }).port}`))
