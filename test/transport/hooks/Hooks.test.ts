/** Hooks: requests of other programs that start runs. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import type { Position } from "../../../src/domain/Event.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import { staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const TOKEN = "token-of-the-hooks-with-32-characters"
const GITHUB = "a secret of GitHub"
const STANDARD = `whsec_${Buffer.from("a secret of 24 bytes....").toString("base64")}`

const hooks = {
  token: TOKEN,
  allowedAgentIds: ["main", "writer"],
  mappings: {
    mail: {
      forEach: "messages",
      messageTemplate: "{{item.from}}: {{item.subject}}",
      sessionKey: "hook:mail:{{item.id}}",
      deliver: false,
    },
    alert: { action: "wake" as const, textTemplate: "{{text}}" },
    forge: {
      signature: "github" as const,
      signingSecret: GITHUB,
      messageTemplate: "{{headers.x-github-event}} {{ref}}",
    },
    billing: { signature: "standard-webhooks" as const, signingSecret: STANDARD, messageTemplate: "{{now}} {{type}}" },
    first: { match: { path: "shared", source: "a" }, name: "A", messageTemplate: "a {{x}}", deliver: false },
    second: { match: { path: "shared" }, messageTemplate: "b {{x}}", agentId: "writer", deliver: false },
    keyless: { signature: "github" as const },
  },
}

const post = (path: string, body: unknown, sent: Sent = {}) =>
  ask(`/hooks/${path}`, { body: JSON.stringify(body), token: TOKEN, ...sent })

/** Waits for the run and returns it with the text that the agent received. */
const runOf = Effect.fnUntraced(function* (runId: string) {
  const run = yield* (yield* Runs).wait(runId, 30_000)
  const { messages } = yield* (yield* Sessions).history(run.sessionKey, { limit: 50 })
  return { run, text: messages.find(({ role, runId: of }) => role === "user" && of === runId)?.text ?? "" }
})

/** Waits until a message of the session matches. */
const message = (sessionKey: string, matches: (text: string) => boolean, from: Position) =>
  Effect.flatMap(Events, (events) =>
    Stream.runHead(
      Stream.filter(
        events.subscribe({ topics: ["chat"], sessionKey }, from),
        (item) => item._tag === "Event" && item.event._tag === "MessageAdded" && matches(item.event.message.text),
      ),
    ),
  )

const head = Effect.map(Events, (events) => events.head())

describe("Hooks", () => {
  it.layer(TestGateway.layer({ hooks }), { excludeTestServices: true })((it) => {
    it.effect("An agent answers a message in a new session, and its text is marked as untrusted.", () =>
      Effect.gen(function* () {
        const answer = yield* post("agent", { message: "do it", name: "T" })
        expect([answer.status, answer.json]).toEqual([200, { ok: true, runId: expect.any(String) }])
        const { run, text } = yield* runOf(answer.json.runId)
        expect([run.state, run.agentId, run.sessionKey]).toEqual(["done", "main", `hook:${run.runId}`])
        expect(text).toMatch(
          /^The hook "T" received .*\n<<<UNTRUSTED ([0-9a-f]{16})>>>\ndo it\n<<<END UNTRUSTED \1>>>$/,
        )
      }),
    )

    it.effect("A sender that waits gets the end of the run.", () =>
      Effect.gen(function* () {
        const { json } = yield* post("agent", { message: "do it", waitForCompletion: true, deliver: false })
        expect(json.completion).toEqual({ status: "ok", replyDisposition: "visible" })
      }),
    )

    it.effect("The main session gets a note with the answer, unless the sender forbids it.", () =>
      Effect.gen(function* () {
        const from = yield* head
        yield* post("agent", { message: "loud", name: "T" })
        yield* message("agent:main:main", (text) => text.startsWith('The hook "T" has an answer:\necho: '), from)
      }),
    )

    it.effect("A repeated key with the same fields gets the same run, and with other fields another one.", () =>
      Effect.gen(function* () {
        const send = (text: string, sent: Sent = {}) => post("agent", { message: text, idempotencyKey: "k1" }, sent)
        const first = yield* send("once")
        expect((yield* send("once")).json.runId).toBe(first.json.runId)
        expect((yield* send("twice")).json.runId).not.toBe(first.json.runId)
        const header = yield* send("once", { headers: { "idempotency-key": "k2" } })
        expect(header.json.runId).not.toBe(first.json.runId)
      }),
    )

    it.effect("The model and the thinking level apply to the session.", () =>
      Effect.gen(function* () {
        const { json } = yield* post("agent", { message: "x", model: "echo", thinking: "low" })
        const { run } = yield* runOf(json.runId)
        expect((yield* Sessions).find(run.sessionKey)).toMatchObject({ model: "echo", thinking: "low" })
      }),
    )

    it.effect("A wake goes to the main session at once, or waits there for the next run.", () =>
      Effect.gen(function* () {
        const from = yield* head
        const now = yield* post("wake", { text: "fire" })
        expect([now.status, now.json]).toEqual([200, { ok: true, mode: "now", eventOutcome: "queued" }])
        yield* message("agent:main:main", (text) => text.startsWith("echo: ") && text.includes("fire"), from)
        yield* (yield* Agents).create({ id: "writer", name: "Writer" })
        const later = yield* post("wake", { text: "smoke", mode: "next-heartbeat", agentId: "writer" })
        expect(later.json.mode).toBe("next-heartbeat")
        const { messages } = yield* (yield* Sessions).history("agent:writer:main", { limit: 5 })
        expect(messages.map(({ role, runId }) => [role, runId])).toEqual([["system", null]])
      }),
    )

    it.effect("Each item of a list starts a run, and a repeated request starts none.", () =>
      Effect.gen(function* () {
        const messages = [
          { id: "1", from: "ada", subject: "hello" },
          { id: "2", from: "bob", subject: "bye" },
        ]
        const sent = { headers: { "idempotency-key": "mail-1" } }
        const { json } = yield* post("mail", { messages }, sent)
        expect(json).toMatchObject({ ok: true, dispatched: 2, runId: json.runIds[0] })
        const { run, text } = yield* runOf(json.runIds[1])
        expect([run.sessionKey, text.includes("\nbob: bye\n")]).toEqual(["hook:mail:2", true])
        expect((yield* post("mail", { messages }, sent)).json.runIds).toEqual(json.runIds)
        expect((yield* post("mail", { messages: [] })).status).toBe(204)
      }),
    )

    it.effect("A mapping that makes no text runs nothing.", () =>
      Effect.gen(function* () {
        expect((yield* post("alert", { text: "" })).status).toBe(204)
        expect((yield* post("alert", { text: "x" })).json).toEqual({ ok: true, mode: "now", eventOutcome: "queued" })
      }),
    )

    it.effect("The first mapping that matches the path and the source takes the request.", () =>
      Effect.gen(function* () {
        const a = yield* runOf((yield* post("shared", { source: "a", x: 1 })).json.runId)
        const b = yield* runOf((yield* post("shared", { source: "z", x: 2 })).json.runId)
        expect([a.run.agentId, a.text.includes("\na 1\n"), a.text.includes('"A"')]).toEqual(["main", true, true])
        expect([b.run.agentId, b.text.includes("\nb 2\n")]).toEqual(["writer", true])
      }),
    )

    it.effect("GitHub signs its requests, and a repeated delivery is the same run.", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({ ref: "refs/heads/main" })
        const signature = `sha256=${createHmac("sha256", GITHUB).update(body).digest("hex")}`
        const headers = { "x-hub-signature-256": signature, "x-github-event": "push", "x-github-delivery": "d1" }
        const deliver = (more = {}) => ask("/hooks/forge", { body, token: null, headers: { ...headers, ...more } })
        const first = yield* deliver()
        expect((yield* runOf(first.json.runId)).text).toContain("\npush refs/heads/main\n")
        expect((yield* deliver()).json.runId).toBe(first.json.runId)
        expect((yield* deliver({ "x-hub-signature-256": `${signature.slice(0, -1)}x` })).status).toBe(401)
        // The token does not replace the signature.
        expect((yield* post("forge", { ref: "x" })).status).toBe(401)
        expect((yield* ask("/hooks/keyless", { body, token: null, headers })).status).toBe(401)
      }),
    )

    it.effect("A repeated Standard Webhook is the same run, though its template has the time.", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({ type: "invoice.paid" })
        const at = new Date()
        const headers = {
          "webhook-id": "msg_1",
          "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
          "webhook-signature": new Webhook(STANDARD).sign("msg_1", at, body),
        }
        const first = yield* ask("/hooks/billing", { body, token: null, headers })
        expect([first.status, first.json.ok]).toEqual([200, true])
        const second = yield* ask("/hooks/billing", { body, token: null, headers })
        expect([second.status, second.json.runId]).toEqual([200, first.json.runId])
      }),
    )

    it.effect("The gateway's token opens no hook, and the token of the hooks opens nothing else.", () =>
      Effect.gen(function* () {
        expect((yield* post("agent", { message: "x" }, { token: TestGateway.TOKEN })).status).toBe(401)
        expect((yield* ask("/v1/models", { token: TOKEN })).status).toBe(401)
        const own = yield* post("wake", { text: "x" }, { token: null, headers: { "x-openclaw-token": TOKEN } })
        expect(own.status).toBe(200)
      }),
    )
  })

  it.live("The options decide about sessions that senders name.", () =>
    Effect.gen(function* () {
      const to = (sessionKey: string | undefined, more = {}) =>
        post("agent", { message: "x", deliver: false, sessionKey, ...more })
      const { json } = yield* to("hook:a")
      expect((yield* runOf(json.runId)).run.sessionKey).toBe("hook:a")
      expect((yield* to("agent:main:main")).json.error).toContain("allowedSessionKeyPrefixes")
      expect((yield* runOf((yield* to(undefined)).json.runId)).run.sessionKey).toBe("hook:default")
      const alone = yield* to("hook:a", { sessionMode: "isolated" })
      expect((yield* runOf(alone.json.runId)).run.sessionKey).toBe(`hook:a:${alone.json.runId}`)
    }).pipe(
      Effect.provide(
        TestGateway.layer({
          hooks: {
            token: TOKEN,
            allowRequestSessionKey: true,
            allowedSessionKeyPrefixes: ["hook:"],
            defaultSessionKey: "hook:default",
          },
        }),
      ),
    ),
  )

  it.live("Twenty wrong tokens of an address get 429, and the right token still opens.", () =>
    Effect.gen(function* () {
      const wrong = post("wake", { text: "x" }, { token: "wrong" })
      for (let i = 0; i < 20; i++) expect((yield* wrong).status).toBe(401)
      const locked = yield* wrong
      expect([locked.status, Number(locked.headers["retry-after"]) > 0]).toEqual([429, true])
      expect((yield* post("wake", { text: "x" })).status).toBe(200)
    }).pipe(Effect.provide(TestGateway.layer({ hooks: { token: TOKEN } }))),
  )

  it.live("A full session gets 409, and a run ends after its time.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const send = (more = {}) => post("agent", { message: "x", deliver: false, ...more })
      yield* send()
      yield* next
      for (let i = 0; i < 2; i++) expect((yield* send()).status).toBe(200)
      const busy = yield* send()
      expect([busy.status, busy.json.ok]).toEqual([409, false])
      const { json } = yield* send({ timeoutSeconds: 1, sessionMode: "isolated" })
      const { run } = yield* runOf(json.runId)
      expect([run.state, run.error?.reason]).toEqual(["aborted", "timeout"])
    }).pipe(
      Effect.provide(
        TestGateway.layer({
          runtime: "staged",
          runtimes: AgentRuntimes.add(runtime),
          hooks: { token: TOKEN, defaultSessionKey: "hook:one" },
          runs: { waitingPerSession: 2 },
        }),
      ),
    )
  })

  it.live("Without a token and signed mappings there are no hooks, and the path is free.", () =>
    Effect.gen(function* () {
      const answer = yield* post("wake", { text: "x" })
      expect([answer.status, answer.json]).toEqual([404, { error: "not found" }])
    }).pipe(Effect.provide(TestGateway.layer({ hooks: { mappings: { a: {} } } }))),
  )
})
