/**
 * A command-line agent of ours that speaks ACP, as a real process. The first word of a message tells it what to do, and the
 * variable AGENT_MODE what it can do. Run as `node AcpAgent.ts`; tests start it through the gateway.
 */
import * as acp from "@agentclientprotocol/sdk"
import { existsSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { Readable, Writable } from "node:stream"

const modes = new Set((process.env["AGENT_MODE"] ?? "").split(","))
const has = (mode: string) => modes.has(mode)

/** The sessions that a later process can open again: the messages of each. In the working folder. */
const FILE = "sessions.json"
const stored = (): Record<string, Array<string>> =>
  existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Array<string>>) : {}

interface Session {
  readonly messages: Array<string>
  cancelled: () => void
  model: string
  /** The MCP servers that the client gave. */
  servers: ReadonlyArray<acp.McpServer>
}

const sessions = new Map<string, Session>()
const newSession = (messages: Array<string> = []): Session => ({
  messages,
  cancelled: () => {},
  model: "small",
  servers: [],
})

if (has("stubborn")) {
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
  setInterval(() => {}, 1_000)
}

const configOptions = (session: Session): Array<acp.SessionConfigOption> =>
  has("models")
    ? [
        {
          type: "select",
          id: "llm",
          name: "Model",
          category: "model",
          currentValue: session.model,
          options: [
            { value: "small", name: "Small" },
            { value: "big", name: "Big" },
          ],
        },
      ]
    : []

/** The choice of models before ACP had settings. */
const oldModels = {
  currentModelId: "small",
  availableModels: [
    { modelId: "small", name: "Small" },
    { modelId: "big", name: "Big" },
  ],
}

const m = acp.methods

type Update = acp.SessionUpdate

interface Turn {
  readonly session: Session
  readonly sessionId: string
  readonly text: string
  readonly rest: string
  readonly prompt: ReadonlyArray<acp.ContentBlock>
  readonly meta: unknown
  readonly update: (update: Update) => Promise<void>
  readonly say: (text: string) => Promise<void>
  readonly client: acp.AgentContext
  readonly cancelled: Promise<void>
}

type Answer = Promise<acp.PromptResponse & { readonly usage?: object }>

const done = { stopReason: "end_turn" } as const

const text = (text: string) => ({ type: "text", text }) as const

const commands: Record<string, (turn: Turn) => Answer> = {
  say: async ({ rest, say }) => {
    for (const word of rest.split(/(?<= )/)) await say(word)
    return done
  },
  think: async ({ rest, say, update }) => {
    await update({ sessionUpdate: "agent_thought_chunk", content: text("Let me see. ") })
    await say(rest)
    return done
  },
  edit: async (turn) => {
    const { client, say, sessionId, update } = turn
    await say("I edit.")
    await update({ sessionUpdate: "tool_call", toolCallId: "t1", title: "Edit a.txt", kind: "edit", status: "pending" })
    const { outcome } = await client.request(m.client.session.requestPermission, {
      sessionId,
      toolCall: { toolCallId: "t1", title: "Edit a.txt", rawInput: { path: "a.txt" } },
      options: [
        { optionId: "always", name: "Always", kind: "allow_always" },
        { optionId: "yes", name: "Yes", kind: "allow_once" },
        { optionId: "no", name: "No", kind: "reject_once" },
      ],
    })
    if (outcome.outcome === "cancelled") return { stopReason: "cancelled" }
    if (outcome.optionId === "no") {
      await update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "failed" })
      await say("I may not.")
      return done
    }
    const change = { type: "diff", path: "a.txt", oldText: "one\ntwo\n", newText: "one\n2\n" } as const
    await update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "in_progress", content: [change] })
    await update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "completed" })
    await say(`Done: ${outcome.optionId}.`)
    return done
  },
  form: async ({ client, rest, say, sessionId }) => {
    const properties = JSON.parse(rest)
    const request = {
      mode: "form",
      sessionId,
      message: "Tell me.",
      requestedSchema: { type: "object", properties },
    } as const
    await say(JSON.stringify(await client.request(m.client.elicitation.create, request)))
    return done
  },
  plan: async ({ say, update }) => {
    const plan = (status: "pending" | "completed") =>
      update({ sessionUpdate: "plan", entries: [{ content: "Look", priority: "low", status }] })
    await plan("pending")
    await plan("completed")
    await say("planned")
    return done
  },
  usage: async ({ say, update }) => {
    await update({ sessionUpdate: "usage_update", used: 1_200, size: 200_000 })
    await say("counted")
    return { ...done, usage: { totalTokens: 135, inputTokens: 5, outputTokens: 30, cachedReadTokens: 100 } }
  },
  noise: async ({ say }) => {
    writeSync(1, 'Warning: update available\n{"not": "a message"}\n\n{broken\n[1,2]\n')
    writeSync(1, '{"jsonrpc":"2.0","id":"nobody-asked","result":{}}\n')
    writeSync(
      1,
      '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"x","update":{"sessionUpdate":"song"}}}\n',
    )
    await say("still here")
    return done
  },
  slow: async ({ cancelled, say }) => {
    await say("slow")
    await cancelled
    await say(" late")
    return { stopReason: "cancelled" }
  },
  hang: async ({ say }) => {
    await say("hang")
    return new Promise(() => {})
  },
  ask: async ({ client, say, sessionId, update }) => {
    await say("asking")
    const { outcome } = await client.request(m.client.session.requestPermission, {
      sessionId,
      toolCall: { toolCallId: "t9", kind: "execute", title: "rm -rf /" },
      options: [{ optionId: "yes", name: "Yes", kind: "allow_once" }],
    })
    await update({ sessionUpdate: "agent_message_chunk", content: text(` ${outcome.outcome}`) })
    return { stopReason: outcome.outcome === "cancelled" ? "cancelled" : "end_turn" }
  },
  flood: async ({ rest, say }) => {
    for (let n = 0; n < Number(rest); n++) await say(`${n} `)
    return done
  },
  die: async ({ say, update }) => {
    await say("dying")
    await update({ sessionUpdate: "tool_call", toolCallId: "t2", title: "Run", kind: "execute", rawInput: { c: "ls" } })
    process.stderr.write(`key is ${process.env["SECRET"]}\nout of memory\n`, () => process.exit(7))
    return new Promise(() => {})
  },
  fail: async () => {
    throw new acp.RequestError(-32_603, "Internal error", { details: `no credit for ${process.env["SECRET"]}` })
  },
  stop: async ({ rest, say }) => {
    await say("partly")
    return { stopReason: rest as acp.StopReason }
  },
  servers: async ({ say, session }) => {
    await say(JSON.stringify(session.servers))
    return done
  },
  files: async ({ prompt, say }) => {
    await say(JSON.stringify(prompt.filter(({ type }) => type !== "text")))
    return done
  },
  draw: async ({ rest, say, update }) => {
    const image = { type: "image", data: rest, mimeType: "image/png", uri: "file:///tmp/cat.png" } as const
    await update({ sessionUpdate: "tool_call", toolCallId: "t3", title: "Draw", rawInput: { what: "a cat" } })
    const content = [{ type: "content", content: image }] as const
    await update({ sessionUpdate: "tool_call_update", toolCallId: "t3", status: "completed", content: [...content] })
    await say("Here it is: ")
    await update({ sessionUpdate: "agent_message_chunk", content: image })
    return done
  },
  meta: async ({ meta, say }) => {
    await say(JSON.stringify(meta ?? null))
    return done
  },
  where: async ({ prompt, say, session, sessionId }) => {
    const blocks = prompt.map((block) => (block.type === "text" ? block.text : ""))
    await say(JSON.stringify({ sessionId, pid: process.pid, messages: session.messages, blocks, model: session.model }))
    return done
  },
}

const open = (sessionId: string): Session => {
  const messages = stored()[sessionId]
  if (messages === undefined) throw acp.RequestError.sessionNotFound(sessionId)
  const session = newSession(messages)
  sessions.set(sessionId, session)
  return session
}

let isLoggedIn = !has("login")

const agent = acp
  .agent({ name: "test" })
  .onRequest(m.agent.initialize, async () => {
    if (has("mute")) {
      process.stderr.write("waiting for a browser\n")
      return new Promise(() => {})
    }
    return {
      protocolVersion: has("future") ? 99 : acp.PROTOCOL_VERSION,
      agentInfo: { name: "test", version: "1" },
      authMethods: [
        { id: "key", name: "API key" },
        { id: "web", name: "Browser", type: "terminal", args: ["login"] },
      ],
      agentCapabilities: {
        loadSession: has("load"),
        mcpCapabilities: { http: has("http") },
        promptCapabilities: { image: has("images") },
        ...(has("resume") && { sessionCapabilities: { resume: {} } }),
      },
    }
  })
  .onRequest(m.agent.authenticate, ({ params }) => {
    if (params.methodId !== "key") throw acp.RequestError.authRequired()
    isLoggedIn = true
  })
  .onRequest(m.agent.session.new, ({ params }) => {
    if (!isLoggedIn) throw acp.RequestError.authRequired()
    const sessionId = `session-${process.pid}-${sessions.size + 1}`
    const session = newSession()
    sessions.set(sessionId, session)
    session.servers = params.mcpServers
    return { sessionId, configOptions: configOptions(session), ...(has("old-models") && { models: oldModels }) }
  })
  .onRequest(m.agent.session.resume, ({ params }) => ({ configOptions: configOptions(open(params.sessionId)) }))
  .onRequest(m.agent.session.load, async ({ client, params: { sessionId } }) => {
    const session = open(sessionId)
    for (const message of session.messages) {
      const update = { sessionUpdate: "agent_message_chunk", content: text(`replayed ${message}`) } as const
      await client.notify(m.client.session.update, { sessionId, update })
    }
    return { configOptions: configOptions(session) }
  })
  .onRequest(m.agent.session.setConfigOption, ({ params }) => {
    const session = sessions.get(params.sessionId) ?? newSession()
    session.model = String(params.value)
    return { configOptions: configOptions(session) }
  })
  .onRequest(
    "session/set_model",
    (params) => params as { readonly sessionId: string; readonly modelId: string },
    ({ params }) => {
      const session = sessions.get(params.sessionId)
      if (session !== undefined) session.model = params.modelId
      return {}
    },
  )
  .onNotification(m.agent.session.cancel, ({ params }) => sessions.get(params.sessionId)?.cancelled())
  .onRequest(m.agent.session.prompt, async ({ client, params: { _meta: meta, prompt, sessionId } }) => {
    const session = sessions.get(sessionId)
    if (session === undefined) throw acp.RequestError.sessionNotFound(sessionId)
    const last = prompt.at(-1)
    const message = last?.type === "text" ? last.text : ""
    const [, command = "", rest = ""] = /^(\S*) ?(.*)$/s.exec(message) ?? []
    const update = (update: Update) => client.notify(m.client.session.update, { sessionId, update })
    const answer = await (commands[command] ?? commands["where"]!)({
      client,
      session,
      sessionId,
      prompt,
      meta,
      text: message,
      rest,
      update,
      say: (words) => update({ sessionUpdate: "agent_message_chunk", content: text(words) }),
      cancelled: new Promise((resolve) => (session.cancelled = resolve)),
    })
    session.messages.push(message)
    if (has("resume") || has("load"))
      writeFileSync(FILE, JSON.stringify({ ...stored(), [sessionId]: session.messages }))
    return answer
  })

agent.connect(acp.ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)))
