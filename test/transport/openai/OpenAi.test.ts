/** OpenAi: agents as the models of OpenAI's API, over plain HTTP. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Position } from "../../../src/domain/Event.ts"
import { localPrincipal } from "../../../src/domain/Principal.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { removeOldResponses } from "../../../src/transport/openai/ResponseRetention.ts"
import { ahead } from "../../support/AheadClock.ts"
import { base64, png } from "../../support/Files.ts"
import { dataIn } from "../../support/EventStream.ts"
import { ask, open, type Sent } from "../../support/HttpRequests.ts"
import { staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const post = (path: string, body: object, sent: Sent = {}) => ask(`/v1${path}`, { body: JSON.stringify(body), ...sent })

const user = (content: unknown) => ({ role: "user", content })

const chat = (fields: object, sent?: Sent) =>
  post("/chat/completions", { model: "main", messages: [user("hello")], ...fields }, sent)

const respond = (fields: object, sent?: Sent) => post("/responses", { model: "main", input: "hello", ...fields }, sent)

/** Returns the keys of the sessions whose channel is OpenAI's API. */
const sessionKeys = Effect.gen(function* () {
  const { sessions } = yield* (yield* Sessions).list({ channel: "openai" })
  return sessions.map(({ key }) => key)
})

/** Waits until the session is gone. `from`: a position before its end. */
const gone = (key: string, from: Position) =>
  Effect.flatMap(Events, (events) =>
    Stream.runHead(
      Stream.filter(
        events.subscribe({ topics: ["sessions"], sessionKey: key }, from),
        (item) => item._tag === "Event" && item.event._tag === "SessionClosed",
      ),
    ),
  )

const head = Effect.map(Events, (events) => events.head())

describe("OpenAi", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("Images and files become attachments of the message.", () =>
      Effect.gen(function* () {
        const url = `data:image/png;base64,${base64(png())}`
        const file_data = `data:text/plain;base64,${base64("milk")}`
        const text = { type: "text", text: "look" }
        const chats = yield* chat({
          messages: [
            user([
              text,
              { type: "image_url", image_url: { url } },
              { type: "file", file: { file_data, filename: "a.txt" } },
            ]),
          ],
          user: "files-1",
        })
        expect(chats).toMatchObject({ status: 200, json: { choices: [{ message: { content: "echo: look" } }] } })
        const responses = yield* respond({
          input: [
            user([
              { type: "input_image", image_url: url },
              { type: "input_file", file_data, filename: "a.txt" },
            ]),
          ],
          user: "files-2",
        })
        expect(responses.status).toBe(200)
        const sessions = yield* Sessions
        for (const user of ["files-1", "files-2"]) {
          const key = (yield* sessionKeys).find((key) => key.includes(user))
          const { messages } = yield* sessions.history(key!, { limit: 10 })
          expect(messages[0]?.attachments, user).toMatchObject([
            { name: "file.png", type: "image/png", size: 33 },
            { name: "a.txt", type: "text/plain", size: 4 },
          ])
        }
      }),
    )

    it.effect("The models are the agents, and a model is found by each of its names.", () =>
      Effect.gen(function* () {
        yield* (yield* Agents).create({ id: "writer", name: "Writer" })
        const { headers, json } = yield* ask("/v1/models")
        expect(headers["cache-control"]).toBe("no-store")
        expect(json).toMatchObject({
          object: "list",
          data: [{ id: "main", object: "model", owned_by: "causeway", created: expect.any(Number) }, { id: "writer" }],
        })
        const names = ["writer", "openclaw/writer", "openclaw%2Fwriter", "openclaw:writer"]
        for (const name of names) expect((yield* ask(`/v1/models/${name}`)).json.id).toBe("writer")
        for (const name of ["main", "openclaw", "openclaw/default"]) {
          expect((yield* ask(`/v1/models/${name}`)).json.id).toBe("main")
        }
        const unknown = yield* ask("/v1/models/writr")
        expect([unknown.status, unknown.json.error]).toEqual([
          404,
          {
            message: 'unknown model "writr". Did you mean "writer"?',
            type: "invalid_request_error",
            param: "model",
            code: "model_not_found",
          },
        ])
      }),
    )

    it.effect("A completion has the reply, the reason of its end and the tokens.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* chat({ messages: [{ role: "system", content: "Be brief." }, user("hello")] })
        expect(status).toBe(200)
        expect(json).toMatchObject({
          id: expect.stringMatching(/^chatcmpl_[0-9a-f-]{36}$/),
          object: "chat.completion",
          model: "main",
          choices: [
            {
              index: 0,
              message: {
                role: "assistant",
                content: "echo: <instructions>\nBe brief.\n</instructions>\n\nhello",
              },
              finish_reason: "stop",
            },
          ],
        })
        const { completion_tokens, prompt_tokens, total_tokens } = json.usage
        expect(total_tokens).toBe(prompt_tokens + completion_tokens)
      }),
    )

    it.effect("A streamed completion has the role, the pieces, the end, the tokens if asked for, and [DONE].", () =>
      Effect.gen(function* () {
        const messages = [user([{ type: "text", text: "/think one two" }])]
        const { headers, text } = yield* chat({ messages, stream: true, stream_options: { include_usage: true } })
        expect(headers["content-type"]).toBe("text/event-stream")
        const chunks = dataIn(text)
        expect(new Set(chunks.map(({ id, object }) => `${object} ${id}`)).size).toBe(1)
        expect(chunks[0].choices).toEqual([
          { index: 0, delta: { role: "assistant", content: "" }, finish_reason: null },
        ])
        const joined = (field: string) => chunks.map(({ choices }) => choices[0]?.delta[field] ?? "").join("")
        expect([joined("content"), joined("reasoning_content")]).toEqual(["echo: one two", "thinking about: one two"])
        expect(chunks.at(-2).choices).toEqual([{ index: 0, delta: {}, finish_reason: "stop" }])
        expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } })
        expect(text.endsWith("\n\ndata: [DONE]\n\n")).toBe(true)
        const without = yield* chat({ stream: true })
        expect(without.text).not.toContain("usage")
      }),
    )

    it.effect("A failed run is an error that clients do not repeat, and in a stream its last piece.", () =>
      Effect.gen(function* () {
        const fail = { messages: [user("/fail hello")] }
        const { headers, json, status } = yield* chat(fail)
        expect([status, headers["x-should-retry"]]).toEqual([502, "false"])
        expect(json.error).toEqual({
          message: "The echo was asked to fail.",
          type: "server_error",
          param: null,
          code: "runtime",
        })
        const { text } = yield* chat({ ...fail, stream: true })
        expect(dataIn(text).at(-1)).toEqual({ error: json.error })
        expect(text.endsWith("data: [DONE]\n\n")).toBe(true)
        expect((yield* respond({ input: "/fail hello" })).status).toBe(502)
        const events = dataIn((yield* respond({ input: "/fail hello", stream: true })).text)
        expect(events.at(-1)).toMatchObject({ type: "response.failed", response: { status: "failed", output: [] } })
      }),
    )

    it.effect("A request without a session leaves none, and its earlier messages are part of the turn.", () =>
      Effect.gen(function* () {
        const before = yield* sessionKeys
        const from = yield* head
        const messages = [user("a"), { role: "assistant", content: "b" }, user("c")]
        const { json } = yield* chat({ messages })
        expect(json.choices[0].message.content).toContain("<assistant>\nb\n</assistant>")
        const run = yield* (yield* Runs).get(json.id.slice("chatcmpl_".length))
        yield* gone(run.sessionKey, from)
        expect(yield* sessionKeys).toEqual(before)
      }),
    )

    it.effect("A user and OpenClaw's header each name a session that stays and gets the new messages only.", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const messages = [user("a"), { role: "assistant", content: "b" }, user("c")]
        yield* chat({ user: "ada" })
        yield* chat({ user: "ada", messages })
        const { messages: kept } = yield* sessions.history("agent:main:openai-user:ada", { limit: 10 })
        expect(kept.map(({ text }) => text)).toEqual(["hello", "echo: hello", "c", "echo: c"])
        yield* chat({ model: "openclaw" }, { headers: { "x-openclaw-session-key": "agent:main:desk" } })
        expect(sessions.find("agent:main:desk")?.messageCount).toBe(2)
        yield* (yield* Agents).create({ id: "poet", name: "Poet" })
        const other = yield* chat(
          {},
          { headers: { "x-openclaw-agent-id": "poet", "x-openclaw-session-key": "desk-2" } },
        )
        expect([other.status, sessions.find("desk-2")?.agentId]).toEqual([200, "poet"])
      }),
    )

    it.effect("Commands of the chat are text for the agent.", () =>
      Effect.gen(function* () {
        const { json } = yield* chat({ messages: [user("/status")] })
        expect(json.choices[0].message.content).toBe("echo: /status")
      }),
    )

    it.effect("A response has the output, the status and the tokens.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* respond({ instructions: "Be brief." })
        expect(status).toBe(200)
        expect(json).toMatchObject({
          id: expect.stringMatching(/^resp_[0-9a-f-]{36}$/),
          object: "response",
          status: "completed",
          error: null,
          output: [
            {
              type: "message",
              role: "assistant",
              status: "completed",
              content: [
                {
                  type: "output_text",
                  text: "echo: <instructions>\nBe brief.\n</instructions>\n\nhello",
                  annotations: [],
                },
              ],
            },
          ],
        })
        const { input_tokens, output_tokens, total_tokens } = json.usage
        expect(total_tokens).toBe(input_tokens + output_tokens)
      }),
    )

    it.effect("A streamed response has OpenAI's events in their order, each with its number.", () =>
      Effect.gen(function* () {
        const { text } = yield* respond({ input: "one", stream: true })
        const events = dataIn(text)
        expect(events.map(({ type }) => type.replace("response.", ""))).toEqual([
          "created",
          "in_progress",
          "output_item.added",
          "content_part.added",
          "output_text.delta",
          "output_text.done",
          "content_part.done",
          "output_item.done",
          "completed",
        ])
        expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i))
        expect(text).toContain("event: response.created\ndata: ")
        expect(events.at(-1).response.output[0].content[0].text).toBe("echo: one")
      }),
    )

    it.effect("A response continues the last one of a conversation, and no other.", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const first = (yield* respond({ input: "a" })).json
        const second = (yield* respond({ input: "b", previous_response_id: first.id })).json
        expect(second.previous_response_id).toBe(first.id)
        const run = yield* (yield* Runs).get(second.id.slice("resp_".length))
        const { messages } = yield* sessions.history(run.sessionKey, { limit: 10 })
        expect(messages.map(({ text }) => text)).toEqual(["a", "echo: a", "b", "echo: b"])
        const fork = yield* respond({ input: "c", previous_response_id: first.id })
        expect([fork.status, fork.json.error.param]).toEqual([400, "previous_response_id"])
      }),
    )

    it.effect("A response with store: false cannot be continued.", () =>
      Effect.gen(function* () {
        const from = yield* head
        const { json } = yield* respond({ store: false })
        const run = yield* (yield* Runs).get(json.id.slice("resp_".length))
        yield* gone(run.sessionKey, from)
        const { status } = yield* respond({ previous_response_id: json.id })
        expect(status).toBe(400)
      }),
    )

    it.effect("A reference to an earlier reply stands for its text.", () =>
      Effect.gen(function* () {
        const { json } = yield* respond({ input: "a" })
        const input = [user("a"), { type: "item_reference", id: json.output[0].id }, user("b")]
        const answer = yield* respond({ input })
        expect(answer.json.output[0].content[0].text).toContain("<assistant>\necho: a\n</assistant>")
      }),
    )

    it.effect("Old responses go, and sessions of users stay.", () =>
      Effect.gen(function* () {
        yield* chat({ user: "stays" })
        yield* respond({ input: "goes" })
        yield* ahead(31 * 86_400_000)(removeOldResponses)
        const keys = yield* sessionKeys
        expect(keys).toContain("agent:main:openai-user:stays")
        expect(keys.filter((key) => key.includes(":openai:"))).toEqual([])
      }),
    )
  })

  describe("clients that leave", () => {
    it.live.each([
      ["a streamed completion", "/v1/chat/completions", { stream: true, messages: [user("wait")] }],
      ["a completion for a user", "/v1/chat/completions", { stream: true, user: "ada", messages: [user("wait")] }],
      ["a streamed response", "/v1/responses", { stream: true, input: "wait" }],
    ] as const)("A client that leaves %s aborts its run.", ([, path, body]) =>
      Effect.gen(function* () {
        const stage = staged()
        const runtimes = AgentRuntimes.add(stage.runtime)
        yield* Effect.gen(function* () {
          const response = yield* open(path, { body: JSON.stringify({ model: "main", ...body }) })
          const run = yield* stage.next
          yield* run.say("one")
          yield* response.until((text) => text.includes('"one"'))
          response.leave()
          yield* Deferred.await(run.interrupted)
        }).pipe(Effect.scoped, Effect.provide(TestGateway.layer({ runtime: "staged", runtimes })))
      }),
    )

    it.live("A client that leaves before the reply aborts its run.", () =>
      Effect.gen(function* () {
        const stage = staged()
        yield* Effect.gen(function* () {
          const controller = new AbortController()
          const { url } = yield* TestGateway.TestGateway
          const answer = fetch(`${url}/v1/chat/completions`, {
            method: "POST",
            headers: { authorization: `Bearer ${TestGateway.TOKEN}`, "content-type": "application/json" },
            body: JSON.stringify({ model: "main", messages: [user("wait")] }),
            signal: controller.signal,
          }).catch(() => undefined)
          const run = yield* stage.next
          controller.abort()
          yield* Deferred.await(run.interrupted)
          expect(yield* Effect.promise(() => answer)).toBeUndefined()
        }).pipe(Effect.provide(TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(stage.runtime) })))
      }),
    )

    it.live("An operator's abort ends a completion as incomplete.", () =>
      Effect.gen(function* () {
        const stage = staged()
        yield* Effect.gen(function* () {
          const runs = yield* Runs
          const response = yield* open("/v1/chat/completions", {
            body: JSON.stringify({ model: "main", stream: true, user: "ada", messages: [user("wait")] }),
          })
          const run = yield* stage.next
          yield* run.say("one")
          yield* response.until((text) => text.includes('"one"'))
          yield* runs.abort(run.turn.sessionKey)
          yield* response.ended
          expect(dataIn(response.text()).at(-1).choices[0].finish_reason).toBe("length")
          yield* runs.accept({ text: "next", sessionKey: run.turn.sessionKey }, localPrincipal)
          yield* stage.next
        }).pipe(
          Effect.scoped,
          Effect.provide(TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(stage.runtime) })),
        )
      }),
    )
  })
})
