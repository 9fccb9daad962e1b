/** Attachments on each wire: a file goes in and is listed, and a refusal says the same everywhere. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import type { RuntimeEvent } from "../../src/domain/Run.ts"
import * as Gateway from "../../src/Gateway.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { base64, png, untilGone, upload } from "../support/Files.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import { ask } from "../support/HttpRequests.ts"
import { enter } from "../support/OpenClawClient.ts"
import * as JsonRpc from "../support/JsonRpcClient.ts"
import * as TestGateway from "../support/TestGateway.ts"

const gateway = TestGateway.layer({ attachments: { maxBytes: 100 } })
const withClient = TestGateway.client.pipe(Layer.provideMerge(gateway))

const big = upload("big.bin", Buffer.alloc(101))
const REFUSAL =
  'attachment "big.bin": exceeds size limit (101 > 100 bytes). Send a smaller file, or raise attachments.maxBytes'

const http = (path: string, body: object) => ask(path, { body: JSON.stringify(body) })

/** An agent whose tool and whose reply have a picture. */
const painter = AgentRuntimes.add({
  name: "painter",
  models: [],
  run: () =>
    Stream.fromIterable<RuntimeEvent>([
      { _tag: "ToolStarted", callId: "1", name: "paint", input: "{}" },
      { _tag: "ToolEnded", callId: "1", output: "done", isError: false, files: [upload("cat.png", png())] },
      { _tag: "Text", text: "Here." },
      { _tag: "Files", files: [upload("dog.png", png(4, 4))] },
    ]),
})
const painting = TestGateway.layer({
  runtime: "painter",
  runtimes: Layer.mergeAll(Gateway.parts.runtimes, painter),
})

describe("Attachments on the wires", () => {
  it.live("Every wire shows the files of a tool and of a reply, in its form.", () =>
    Effect.gen(function* () {
      const { calls } = yield* GatewayClient
      const { runId } = yield* calls["chat.send"]({ text: "paint", sessionKey: "s" })
      yield* calls["runs.wait"]({ runId })
      const stored = [
        { role: "user" },
        { role: "tool", attachments: [{ name: "cat.png", type: "image/png", size: 33, width: 2 }] },
        { role: "assistant", text: "Here.", attachments: [{ name: "dog.png", width: 4 }] },
      ]
      expect((yield* calls["sessions.history"]({ key: "s" })).messages).toMatchObject(stored)
      const rest = yield* http("/api/rpc/sessions.history", { key: "s" })
      expect(rest.json.messages).toMatchObject(stored)
      const rpc = yield* JsonRpc.open()
      expect(yield* rpc.call("sessions.history", { key: "s" })).toMatchObject({ result: { messages: stored } })
      const mission = yield* ask("/api/sessions/s/history")
      expect(mission.json.messages.map(({ content }: { readonly content: string }) => content)).toEqual([
        "paint",
        '[Attached file: "cat.png", image/png, 33 bytes]\ndone',
        '[Attached file: "dog.png", image/png, 33 bytes]\nHere.',
      ])
      const { client } = yield* enter({ scopes: ["operator.read"] })
      const { payload: listed } = yield* client.ask("artifacts.list", { sessionKey: "s" })
      expect(listed.artifacts).toMatchObject([{ title: "dog.png", type: "image" }, { title: "cat.png" }])
      const { payload: history } = yield* client.ask("chat.history", { sessionKey: "s" })
      expect(history.messages.slice(2)).toMatchObject([
        { role: "toolResult", content: [{ text: "done" }, { type: "image", fileName: "cat.png" }] },
        { role: "assistant", content: [{ text: "Here." }, { type: "image", fileName: "dog.png" }] },
      ])
      const artifactId = listed.artifacts[0].id
      const download = yield* client.ask("artifacts.download", { sessionKey: "s", artifactId })
      expect(download.payload).toMatchObject({ data: base64(png(4, 4)) })
    }).pipe(Effect.provide(TestGateway.client.pipe(Layer.provideMerge(painting)))),
  )

  it.live("Every wire refuses a file with its name, its size and the limit.", () =>
    Effect.gen(function* () {
      const { calls } = yield* GatewayClient
      const send = { text: "x", sessionKey: "s", attachments: [big] }
      const facts = { _tag: "AttachmentRefused", name: '"big.bin"', problem: "size", size: 101, limit: 100 }
      expect(yield* Effect.flip(calls["chat.send"](send))).toMatchObject({ ...facts, message: REFUSAL })
      const rpc = yield* JsonRpc.open()
      for (const [method, params] of [
        ["chat.send", send],
        ["send", { text: "x", attachments: [big] }],
      ] as const) {
        expect(yield* rpc.call(method, params), method).toMatchObject({ error: { message: REFUSAL, data: facts } })
      }
      const answer = yield* http("/api/rpc/chat.send", send)
      expect(answer.status).toBe(413)
      expect(answer.json).toMatchObject({ detail: REFUSAL, error: facts })
    }).pipe(Effect.provide(withClient)),
  )

  it.live("A message without a text needs an attachment.", () =>
    Effect.gen(function* () {
      const empty = yield* http("/api/rpc/chat.send", { text: "", sessionKey: "s" })
      expect(empty.status).toBe(400)
      expect(empty.json.detail).toContain("must not be empty without attachments")
      const rpc = yield* JsonRpc.open()
      expect(yield* rpc.call("send", { text: "" })).toMatchObject({ error: { message: "text is required" } })
      expect(yield* rpc.call("send", { attachments: [upload("a.txt", "x")] })).toMatchObject({
        result: { reply: "echo: " },
      })
    }).pipe(Effect.provide(gateway)),
  )

  it.live("Files are listed newest message first, page by page, and read by their id.", () =>
    Effect.gen(function* () {
      const { calls } = yield* GatewayClient
      const send = (name: string, ...more: ReadonlyArray<string>) =>
        calls["chat.send"]({
          text: "",
          sessionKey: "s",
          attachments: [name, ...more].map((name) => upload(name, name)),
        }).pipe(Effect.flatMap(({ runId }) => calls["runs.wait"]({ runId })))
      yield* send("one")
      const { runId } = yield* send("two", "three")
      const first = yield* calls["attachments.list"]({ sessionKey: "s", limit: 1 })
      expect(first.attachments.map(({ attachment }) => attachment.name)).toEqual(["two", "three"])
      const second = yield* calls["attachments.list"]({ sessionKey: "s", limit: 1, before: first.next! })
      expect(second.attachments).toMatchObject([{ role: "user", attachment: { name: "one" } }])
      expect(second.next).toBeNull()
      expect((yield* calls["attachments.list"]({ sessionKey: "s", runId })).attachments).toHaveLength(2)
      const { id } = second.attachments[0]!.attachment
      expect(yield* calls["attachments.read"]({ id })).toEqual({ id, size: 3, data: base64("one") })
      for (const id of ["../token", "a".repeat(64)]) {
        expect(yield* Effect.flip(calls["attachments.read"]({ id }))).toMatchObject({ _tag: "AttachmentNotFound", id })
      }
    }).pipe(Effect.provide(withClient)),
  )

  it.live("A file above 1.5 MB is too large for one answer.", () =>
    Effect.gen(function* () {
      const { calls } = yield* GatewayClient
      const data = base64(Buffer.concat([png(), Buffer.alloc(1_500_000)]))
      const { runId } = yield* calls["chat.send"]({ text: "", sessionKey: "s", attachments: [{ data }] })
      yield* calls["runs.wait"]({ runId })
      const [file] = (yield* calls["attachments.list"]({ sessionKey: "s" })).attachments
      const { id, size } = file!.attachment
      expect(yield* Effect.flip(calls["attachments.read"]({ id }))).toMatchObject({
        _tag: "AttachmentTooLarge",
        size,
        limit: 1_500_000,
      })
    }).pipe(Effect.provide(TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer())))),
  )

  it.live("Files survive a restart, whose start removes those that a crash has left without a message.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const withGateway = <A, E, R>(use: Effect.Effect<A, E, R>) =>
        // On PostgreSQL each gateway of a test has a schema of its own.
        Effect.provide(use, TestGateway.client.pipe(Layer.provideMerge(TestGateway.layerSqlite({ stateDir }))))
      const id = yield* withGateway(
        Effect.gen(function* () {
          const { calls } = yield* GatewayClient
          const { runId } = yield* calls["chat.send"]({ text: "", sessionKey: "s", attachments: [upload("a", "kept")] })
          yield* calls["runs.wait"]({ runId })
          const { messages } = yield* calls["sessions.history"]({ key: "s" })
          return messages[0]!.attachments![0]!.id
        }),
      )
      // A crash between the write of the file and the commit of its message.
      const folder = join(stateDir, "attachments", "ab")
      mkdirSync(folder, { recursive: true })
      const orphan = join(folder, "ab".repeat(32))
      writeFileSync(orphan, "x")
      yield* withGateway(
        Effect.gen(function* () {
          yield* untilGone(orphan)
          const { calls } = yield* GatewayClient
          expect(yield* calls["attachments.read"]({ id })).toMatchObject({ data: base64("kept") })
        }),
      )
    }).pipe(Effect.scoped),
  )

  it.live("A file as large as the limit fits into each wire, and the limits that clients read say so.", () =>
    Effect.gen(function* () {
      const bytes = Buffer.alloc(20 * 1_048_576)
      const data = base64(bytes)
      const size = bytes.byteLength
      const isKept = Effect.fnUntraced(function* (sessionKey: string) {
        const { calls } = yield* GatewayClient
        // The message is in the transcript when its run begins. Runs of a session take turns.
        const { runId } = yield* calls["chat.send"]({ text: "after the file", sessionKey })
        yield* calls["runs.wait"]({ runId })
        const { attachments } = yield* calls["attachments.list"]({ sessionKey })
        expect(attachments, sessionKey).toMatchObject([{ attachment: { size } }])
      })
      const { calls } = yield* GatewayClient
      const file = { name: "big.bin", data }
      yield* calls["chat.send"]({ text: "", sessionKey: "rpc", attachments: [file] })
      yield* isKept("rpc")

      const rpc = yield* JsonRpc.open()
      expect(yield* rpc.call("chat.send", { text: "", sessionKey: "json-rpc", attachments: [file] })).toHaveProperty(
        "result",
      )
      yield* isKept("json-rpc")

      const { client, hello } = yield* enter({ scopes: ["operator.admin"] })
      const { attachments, maxPayload } = hello.policy
      expect(attachments).toEqual({ maxBytes: size, maxImageBytes: 6_291_456 })
      expect(maxPayload).toBeGreaterThan(data.length)
      const key = "agent:main:openclaw"
      const sending = {
        sessionKey: key,
        message: "",
        idempotencyKey: "k",
        attachments: [{ fileName: "a", content: data }],
      }
      expect(yield* client.ask("chat.send", sending)).toMatchObject({ ok: true })
      yield* isKept(key)

      const content = [{ type: "file", file: { filename: "a", file_data: `data:;base64,${data}` } }]
      const completion = { model: "main", user: "openai", messages: [{ role: "user", content }] }
      expect((yield* http("/v1/chat/completions", completion)).status).toBe(200)
      const rest = { text: "", sessionKey: "rest", attachments: [file] }
      expect((yield* http("/api/rpc/chat.send", rest)).status).toBe(200)
      yield* isKept("rest")
    }).pipe(Effect.provide(TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer())))),
  )
})
