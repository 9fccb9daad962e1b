import { golden, type Step } from "./Golden.ts"

const masked = new Set([
  "acceptedAt",
  "age",
  "bootId",
  "connId",
  "deviceFamily",
  "durationMs",
  "endedAt",
  "host",
  "instanceId",
  "lastActivityAt",
  "lastInteractionAt",
  "nonce",
  "onlineSince",
  "platform",
  "sessionId",
  "snapshotAt",
  "ts",
])

/** The clock decides how a text is cut into deltas. Other tests prove that no part of the text is missing. */
const isTimed = ({ event, params, payload = params }: any) =>
  (event === "chat" && payload.state === "delta") || (event === "agent" && payload.stream === "assistant")

const request = (method: string, params: object = {}, id = method): Step => ({
  send: JSON.stringify({ type: "req", id, method, params }),
  until: [(frame) => frame.type === "res" && frame.id === id],
})

const connect = (protocol: number, client: object): Step => ({
  ...request("connect", {
    minProtocol: protocol,
    maxProtocol: protocol,
    client,
    role: "operator",
    scopes: ["operator.admin"],
    caps: ["tool-events"],
    auth: { token: "token-of-the-tests" },
  }),
})

const isFinal = ({ event, params, payload = params }: any) => event === "chat" && payload.state === "final"
const isSettled = ({ event, params, payload = params }: any) =>
  event === "sessions.changed" && payload.hasActiveRun === false && payload.messageCount > 1

const conversation = (protocol: number, client: object): ReadonlyArray<Step> => [
  connect(protocol, client),
  request("sessions.subscribe"),
  request("agents.list"),
  request("models.list"),
  request("cron.list"),
  {
    ...request("chat.send", { sessionKey: "main", message: "hello", idempotencyKey: "k1" }),
    until: [({ id }) => id === "chat.send", isFinal, isSettled],
  },
  request("chat.history", { sessionKey: "main" }),
  request("sessions.list"),
  request("agent.wait", { runId: "k1" }),
  request("no.such.method"),
  request("chat.send", { sessionKey: "main" }, "without a message"),
]

golden("openclaw-4", "/", conversation(4, { id: "gateway-client", version: "1", platform: "linux", mode: "backend" }), {
  masked,
  isTimed,
})

golden("openclaw-3", "/", conversation(3, { id: "cli", version: "1", platform: "linux", mode: "cli" }), {
  masked,
  isTimed,
})

golden(
  "openclaw-control-center",
  "/",
  conversation(3, { id: "control-center", version: "1.0", platform: "server", mode: "operator" }),
  { masked, isTimed },
)
