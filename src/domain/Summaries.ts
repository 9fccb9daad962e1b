/**
 * Summaries: one or two sentences about each method. References, help and the descriptions of tools show them. They are not
 * part of GatewayRpcs, so that browsers do not load them. Operations.ts uses them.
 */
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { GRANT_ROWS } from "./Approval.ts"
import { READ_BYTES } from "./Attachment.ts"
import { PAGE_ROWS } from "./Bounds.ts"
import type { GatewayRpcs } from "./GatewayRpcs.ts"

/** The summaries by the names of the methods. */
export const summaries: Readonly<Record<string, string>> = {
  "agents.list": "Lists all agents, `main` first, and the id of the agent that answers messages without a binding.",
  "agents.get": "Returns one agent.",
  "agents.create": "Creates an agent. Without an id, the gateway derives one from the name.",
  "agents.update": "Changes the given settings of an agent. The others stay as they are.",
  "agents.delete": "Removes an agent and its bindings. Its sessions stay readable. `main` cannot be removed.",
  "approvals.list": "Lists the calls of tools that wait for a decision.",
  "approvals.get": "Returns an approval, waiting or not.",
  "approvals.history": `Lists approvals that no longer wait, ${PAGE_ROWS} at most. They are kept for events.retainDays.`,
  "approvals.request": "Asks the operators whether the client may act. `approvals.wait` returns the decision.",
  "approvals.wait": "Waits until the approval ends or the time is up, and returns it.",
  "approvals.decide": "Decides whether a call of a tool may run. The first decision counts.",
  "approvals.grants": `Lists the newest ${GRANT_ROWS} grants of allow-always decisions, also the revoked ones.`,
  "approvals.revoke": "Revokes a grant. Later calls wait for a decision again.",
  "attachments.list": "Lists the files of a session's messages.",
  "attachments.read": `Returns the content of a file of at most ${READ_BYTES.toLocaleString("en")} bytes.`,
  "attachments.link": "Makes a link to a file of any size, which works for attachments.linkMs or until a restart.",
  "bindings.list": "Lists all bindings in order of precedence.",
  "bindings.set":
    "Creates a binding, or replaces the one with the same agent, key and value. Without key and value, the agent becomes the default.",
  "bindings.remove": "Removes a binding.",
  "chat.send":
    "Sends a message to an agent. Returns when the message is on disk; the reply comes as events. The gateway itself answers chat commands such as `/stop` at once; `/help` lists them.",
  "chat.stream":
    "Sends a message and streams its run to the end. A repeated call with the same key joins the run, or streams how it ended.",
  "chat.abort": "Aborts the named run, or every open run of the session. Also aborts runs that have not started.",
  "chat.inject": "Adds a message to a transcript without a run. Creates the session if it does not exist.",
  "runs.list": "Lists the open runs, each with its text so far.",
  "runs.wait": "Waits until the run, or the one that takes over its message, ends or the time is up, and returns it.",
  "presence.list": "Lists the authenticated connections.",
  "connections.list": "Lists every connection with its wire, principal and load.",
  "connections.close": "Closes a connection. Its client gets the reason and may reconnect.",
  authenticate:
    "Authenticates the connection, as its first message, if the client can set neither a header nor a query. It is the only method that an unauthenticated connection may call.",
  "devices.list": "Lists the paired devices and the pairing requests.",
  "devices.approve":
    "Approves a pairing request and returns the role and scopes that it granted. The caller must hold every scope of the request.",
  "devices.reject":
    "Rejects a pairing request. The device may ask again. The caller must hold every scope of the request.",
  "devices.remove":
    "Removes a device, revokes its tokens and closes its connections. The caller must hold every scope of the device.",
  "devices.token.rotate":
    "Gives a device a new token, revokes the old one and closes its connections. The caller must hold every scope that the device has in this role.",
  "devices.token.revoke":
    "Revokes the token of a device and closes its connections. The device stays paired. The caller must hold every scope that the device has in this role.",
  "events.subscribe": "Streams all events, from now on or from a position, without a gap.",
  "fleet.list": "Lists the cards of all agents, of this gateway first, and the upstream gateways.",
  "fleet.get": "Returns the card of one agent: `<agent>` of this gateway, `<upstream>:<agent>` of another one.",
  "fleet.upstreams": "Lists the upstream gateways, and why those that are away are away.",
  "fleet.command": "Stops, restarts or steers an agent of this gateway or of an upstream gateway.",
  "fleet.transcript": "Returns the newest messages of the session on the card of an agent.",
  "logs.tail": "Returns the newest log entries, or those after a given one.",
  "memory.list": "Lists the documents of the memory folder, newest first.",
  "memory.read": "Returns one document of the memory folder.",
  "memory.write": "Replaces or creates a document of the memory folder.",
  "models.list": "Lists the models that agents can use, the gateway's default first.",
  "models.test": "Sends a short prompt to a model and returns its answer. It costs a few tokens.",
  "questions.list": "Lists the questions that wait for an answer.",
  "questions.get": "Returns a question, waiting or not. Questions that ended are kept for events.retainDays.",
  "questions.ask": "Asks the operators a question. `questions.wait` returns the answers.",
  "questions.wait": "Waits until the question ends or the time is up, and returns it.",
  "questions.answer": "Answers a question. The first answer counts.",
  "questions.cancel": "Declines to answer a question. The run goes on without an answer.",
  "sessions.list": "Returns a sorted page of the matching sessions. `nextCursor` leads to the next page.",
  "sessions.get": "Returns one session.",
  "sessions.resolve":
    "Finds the session of a key, a label or a route, and the agent that answers there. Creates nothing.",
  "sessions.create": "Creates a session. You need not call it before sending: a send creates its session.",
  "sessions.patch": "Changes the given settings of a session. The others stay as they are.",
  "sessions.reset": "Aborts the open runs of a session and empties its transcript.",
  "sessions.delete": "Aborts the open runs of a session and removes it with its transcript.",
  "sessions.compact":
    "Summarizes the messages of a session. Agents then see the summary instead. The transcript stays.",
  "sessions.history": "Returns a page of a transcript, starting at the end.",
  "sessions.preview":
    "Returns the newest messages of several sessions, each cut to 200 characters. Omits unknown keys.",
  health: "Returns the health of the gateway and the problems that its checks found.",
  status: "Returns the figures of the gateway: connections, agents, sessions, runs and memory.",
  ping: "Returns the time. It is the cheapest call, for measuring the round trip.",
  "config.get": "Returns the configuration in force, with secrets redacted.",
  "gateway.identity": "Returns the gateway's own public key, by which clients recognize it.",
  "tools.list": "Lists the tools of the gateway with the permissions of an agent, and the state of their sources.",
} satisfies Readonly<Record<RpcGroup.Rpcs<typeof GatewayRpcs>["_tag"], string>>
