/** Artifacts: files on their way from a client through the gateway to a provider, and back into history and downloads. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FakeProvider from "../../../support/FakeProvider.ts"
import { base64, png } from "../../../support/Files.ts"
import { answer, answers, expectValid, expectValidEvent, layer } from "../../../support/OpenClaw.ts"
import { enter } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const KEY = "agent:main:main"

const picture = { type: "image", mimeType: "image/png", fileName: "cat.png", content: base64(png()) }
const note = { type: "file", mimeType: "text/plain", fileName: "note.txt", content: base64("milk") }

/** A gateway whose agents have a model that reads pictures. */
const seeing = Effect.gen(function* () {
  const fake = yield* FakeProvider.make
  fake.script("seeing", async (answer) => {
    await answer.text("A cat.")
    await answer.end()
  })
  const models = [{ id: "seeing", input: ["image" as const] }]
  const provider = { kind: "openai", baseUrl: fake.baseUrl.openai, models }
  return { fake, options: { model: "fake/seeing", providers: { fake: provider } } }
})

describe("Artifacts", () => {
  it.live("A picture travels from the client to the provider and back into history and a download.", () =>
    Effect.gen(function* () {
      const { fake, options } = yield* seeing
      yield* Effect.gen(function* () {
        const { client } = yield* enter({ scopes: ["operator.admin"] })
        yield* client.ask("sessions.messages.subscribe", { key: KEY })
        const sending = { sessionKey: KEY, message: "What is it?", idempotencyKey: "one", attachments: [picture, note] }
        expectValid("ChatSendParams", sending)
        const sent = yield* client.ask("chat.send", sending)
        expect(sent).toMatchObject({ ok: true, payload: { runId: "one", status: "started" } })
        for (let isFinal = false; !isFinal;) {
          const event = yield* client.event("chat")
          expectValidEvent(event)
          isFinal = event.payload.state === "final"
        }

        const { messages } = fake.requests[0]!.body
        expect(messages.at(-1)).toMatchObject({
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${picture.content}` } },
            { type: "text", text: expect.stringContaining("milk") },
            { type: "text", text: "What is it?" },
          ],
        })

        const history = yield* client.ask("chat.history", { sessionKey: KEY })
        const [user] = (history as any).payload.messages
        expect(user.content).toMatchObject([
          { type: "text", text: "What is it?" },
          {
            type: "image",
            artifactId: expect.any(String),
            mimeType: "image/png",
            fileName: "cat.png",
            width: 2,
            height: 3,
          },
          { type: "attachment", attachment: { kind: "document", label: "note.txt", mimeType: "text/plain" } },
        ])
        expect(JSON.stringify(history)).not.toContain(picture.content)
        const { artifactId } = user.content[1]
        const got = yield* client.ask("artifacts.download", { sessionKey: KEY, artifactId })
        const { payload } = got as any
        expectValid("ArtifactsDownloadResult", payload)
        expect(payload).toMatchObject({ encoding: "base64", data: picture.content, artifact: { type: "image" } })
      }).pipe(Effect.provide(TestGateway.layer(options)))
    }).pipe(Effect.scoped),
  )

  it.live("`artifacts.list`, `get` and `download` and `chat.message.get` have the published forms.", () =>
    Effect.gen(function* () {
      const attachments = [picture, { ...picture, fileName: "again.png" }, note]
      yield* answers("agent", { message: "", sessionKey: KEY, idempotencyKey: "r1", attachments })
      const listed = yield* answer("artifacts.list", { sessionKey: KEY })
      expectValid("ArtifactsListResult", listed)
      const artifacts = listed["artifacts"] as ReadonlyArray<Record<string, unknown>>
      expect(artifacts).toMatchObject([
        { type: "image", title: "cat.png", sizeBytes: 33, runId: "r1", download: { mode: "bytes" } },
        { type: "document", title: "note.txt", mimeType: "text/plain", sizeBytes: 4 },
      ])
      expect(yield* answer("artifacts.list", { runId: "r1" })).toEqual(listed)
      const one = { sessionKey: KEY, artifactId: artifacts[1]!["id"] }
      expectValid("ArtifactsGetResult", yield* answer("artifacts.get", one))
      const downloaded = yield* answer("artifacts.download", one)
      expectValid("ArtifactsDownloadResult", downloaded)
      expect(downloaded).toMatchObject({ encoding: "base64", data: base64("milk") })

      const { messages } = yield* answer("chat.history", { sessionKey: KEY })
      const [user] = messages as ReadonlyArray<any>
      const message = yield* answer("chat.message.get", { sessionKey: KEY, messageId: user.__openclaw.id })
      expectValid("ChatMessageGetResult", message)
      expect(message).toEqual({ ok: true, message: user })
      for (const messageId of ["999999", "1-call", "x"]) {
        const missing = yield* answer("chat.message.get", { sessionKey: KEY, messageId })
        expectValid("ChatMessageGetResult", missing)
        expect(missing).toEqual({ ok: false, unavailableReason: "not_found" })
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("`agent`, `sessions.send` and `sessions.create` take files, also in the form of Anthropic's API.", () =>
    Effect.gen(function* () {
      const source = { type: "image", source: { type: "base64", media_type: "image/png", data: picture.content } }
      yield* answers("agent", { message: "a", sessionKey: "a", idempotencyKey: "a", attachments: [source] })
      yield* answer("sessions.send", { key: "b", message: "", idempotencyKey: "b", attachments: [picture] })
      const created = yield* answer("sessions.create", { key: "c", idempotencyKey: "c", attachments: [picture] })
      expect(created).toMatchObject({ runStarted: true })
      for (const [runId, title] of [
        ["a", "file.png"],
        ["b", "cat.png"],
        ["c", "cat.png"],
      ]) {
        yield* answer("agent.wait", { runId })
        expect(yield* answer("artifacts.list", { runId }), runId).toMatchObject({ artifacts: [{ title }] })
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("A refusal names the file, its size and the limit, and nothing is sent.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter({ scopes: ["operator.admin"] })
      const refused = (attachment: object) =>
        client.ask("chat.send", { sessionKey: KEY, message: "x", attachments: [attachment] })
      expect(yield* refused({ ...note, content: base64("12345678901") })).toMatchObject({
        ok: false,
        error: {
          code: "INVALID_REQUEST",
          message: expect.stringMatching(/^attachment "note.txt": exceeds size limit \(11 > 10 bytes\)/),
          details: { code: "ATTACHMENT_REFUSED", size: 11, limit: 10 },
        },
      })
      expect(yield* refused({ fileName: "a", content: { data: "x" } })).toMatchObject({
        error: { message: 'attachment "a": content must be base64 string' },
      })
      expect(yield* refused({ fileName: "a", content: "" })).toMatchObject({
        error: { message: expect.stringMatching(/^attachment "a": empty payload/) },
      })
      const history = yield* client.ask("chat.history", { sessionKey: KEY })
      expect(history).toMatchObject({ payload: { messages: [] } })
    }).pipe(Effect.provide(TestGateway.layer({ attachments: { maxBytes: 10 } }))),
  )

  it.live("The policy of hello-ok names the limits, of which a frame can hold as much as base64 leaves.", () =>
    Effect.gen(function* () {
      const { hello } = yield* enter()
      expect(hello).toMatchObject({
        policy: { maxPayload: 4_194_304, attachments: { maxBytes: 3_096_576, maxImageBytes: 1_000_000 } },
      })
    }).pipe(
      Effect.provide(
        TestGateway.layer({ limits: { frameBytes: 4_194_304 }, attachments: { maxImageBytes: 1_000_000 } }),
      ),
    ),
  )
})
