/** Attachments on each wire: a file goes in and is listed, and a refusal says the same everywhere. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { base64, png, untilGone, upload } from "../support/Files.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import { ask } from "../support/HttpRequests.ts"
import * as JsonRpc from "../support/JsonRpcClient.ts"
import * as TestGateway from "../support/TestGateway.ts"

const gateway = TestGateway.layer({ attachments: { maxBytes: 100 } })
const withClient = TestGateway.client.pipe(Layer.provideMerge(gateway))

const big = upload("big.bin", Buffer.alloc(101))
const REFUSAL =
  'attachment "big.bin": exceeds size limit (101 > 100 bytes). Send a smaller file, or raise attachments.maxBytes'

const http = (path: string, body: object) => ask(path, { body: JSON.stringify(body) })

describe("Attachments on the wires", () => {
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
})
