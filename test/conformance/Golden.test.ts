import { golden, type Step } from "./Golden.ts"

/** Sends a call and waits for its answer. */
const jsonRpc = (method: string, params?: unknown, id: unknown = method): Step => ({
  send: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
  until: [(frame) => frame.id === id],
})

golden("json-rpc", "/jsonrpc", [
  jsonRpc("status"),
  jsonRpc("agents.list"),
  jsonRpc("agents.register", { id: "luna", name: "Luna", personality: "You are kind." }),
  jsonRpc("bindings.set", { agent_id: "luna", match_key: "channel", match_value: "telegram" }),
  jsonRpc("bindings.list"),
  jsonRpc("bindings.remove", { agent_id: "luna", match_key: "channel", match_value: "telegram" }),
  {
    ...jsonRpc("send", { text: "good morning" }),
    until: [({ id }) => id === "send", ({ params }) => params?.typing === false],
  },
  jsonRpc("sessions.list"),
  jsonRpc("gateway.sessions.list"),
  jsonRpc("sessions.history", { key: "agent:main:direct:ws-client" }),
  {
    send: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "events.subscribe", params: { topics: ["memory"] } }),
    until: [({ params }) => params?.item?._tag === "CaughtUp"],
  },
  {
    send: JSON.stringify({ jsonrpc: "2.0", method: "memory.write", params: { id: "today", content: "# Today" } }),
    until: [({ params }) => params?.item?._tag === "Event"],
  },
  jsonRpc("events.unsubscribe", { subscription: "s1" }),
  jsonRpc("sessions.get", {}),
  jsonRpc("sessions.get", { key: "nowhere" }),
  jsonRpc("no.such.method"),
  { send: "{", until: [({ error }) => error?.code === -32700] },
  { send: "[]", until: [({ error }) => error?.code === -32600] },
  {
    send: JSON.stringify([
      { jsonrpc: "2.0", id: 1, method: "no.such.method" },
      { jsonrpc: "2.0", method: "ping" },
      { jsonrpc: "2.0", id: 2, method: "ping" },
    ]),
    until: [Array.isArray],
  },
])

const rpc = (tag: string, payload: unknown, id = tag): Step => ({
  send: JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] }),
  until: [({ _tag, requestId }) => _tag === "Exit" && requestId === id],
})

golden("rpc", "/rpc", [
  rpc("ping", {}),
  rpc("agents.list", {}),
  rpc("sessions.get", { key: "nowhere" }),
  rpc("sessions.get", {}),
  rpc("no.such.method", {}),
  rpc("chat.inject", { sessionKey: "golden", text: "noted" }),
  rpc("sessions.history", { key: "golden" }),
  {
    send: JSON.stringify({
      _tag: "Request",
      id: 1,
      tag: "events.subscribe",
      payload: { topics: ["memory"] },
      headers: [],
    }),
    until: [({ _tag }) => _tag === "Chunk"],
  },
  {
    send: JSON.stringify({ _tag: "Interrupt", requestId: 1 }),
    until: [({ _tag, requestId }) => _tag === "Exit" && requestId === 1],
  },
  { send: JSON.stringify({ _tag: "Ping" }), until: [({ _tag }) => _tag === "Pong"] },
  { send: "{", until: [({ _tag }) => _tag === "Defect"] },
])

const mission = (message: object, type: string): Step => ({
  send: JSON.stringify(message),
  until: [(frame) => frame.type === type],
})

golden("mission-control", "/ws/mission-control", [
  mission({ type: "ping" }, "pong"),
  mission({ type: "request", resource: "status" }, "status"),
  mission({ type: "subscribe", channels: ["memory"] }, "memory"),
  {
    send: JSON.stringify({ type: "write_file", date: "2026-01-01", content: "# A day\n\n- [ ] write" }),
    until: [({ type }) => type === "write_complete", ({ type }) => type === "memory_update"],
  },
  mission({ type: "request", resource: "tasks" }, "tasks"),
  mission({ type: "request", resource: "sessions" }, "sessions"),
  mission({ type: "request", resource: "session_history" }, "error"),
  mission({ type: "unsubscribe", channels: ["memory"] }, "unsubscribed"),
  mission({ type: "subscribe", channels: "memory" }, "error"),
  mission({ type: "no-such-type" }, "error"),
  mission({ type: "request", resource: "weather" }, "error"),
  { send: "{", until: [(frame) => frame.type === "error"] },
])
