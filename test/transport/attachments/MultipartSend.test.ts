/** MultipartSend: messages with files as forms. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { ask } from "../../support/HttpRequests.ts"
import { png } from "../../support/Files.ts"
import * as TestGateway from "../../support/TestGateway.ts"

type Part = readonly [name: string, value: string] | readonly [name: string, value: Uint8Array, fileName: string]

/** Sends a form as browsers write it. */
const post = Effect.fnUntraced(function* (parts: ReadonlyArray<Part>) {
  const form = new FormData()
  for (const [name, value, fileName] of parts) {
    if (typeof value === "string") form.append(name, value)
    else form.append(name, new Blob([Buffer.from(value)]), fileName)
  }
  const request = new Request("http://gateway", { method: "POST", body: form })
  const body = Buffer.from(yield* Effect.promise(() => request.arrayBuffer()))
  return yield* ask("/api/send", { body, headers: { "content-type": request.headers.get("content-type")! } })
})

const raw = (body: string, type = "multipart/form-data; boundary=b") =>
  ask("/api/send", { body, headers: { "content-type": type } })

const withClient = (options: TestGateway.TestGatewayOptions = {}) =>
  TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer(options)))

describe("MultipartSend", () => {
  it.live("A form sends its text and its files, also larger ones than a frame holds.", () =>
    Effect.gen(function* () {
      const big = Buffer.alloc(5_000_000, "x")
      const accepted = yield* post([
        ["text", "look"],
        ["sessionKey", "s"],
        ["idempotencyKey", "k"],
        ["file", png(), "../cat.png"],
        ["other", big, "big.txt"],
      ])
      expect(accepted).toMatchObject({ status: 200, json: { runId: "k", sessionKey: "s", duplicate: false } })
      const { calls } = yield* GatewayClient
      yield* calls["runs.wait"]({ runId: "k" })
      const { messages } = yield* calls["sessions.history"]({ key: "s" })
      expect(messages[0]).toMatchObject({
        text: "look",
        attachments: [
          { name: "cat.png", type: "image/png", size: 33 },
          { name: "big.txt", type: "text/plain", size: 5_000_000 },
        ],
      })
    }).pipe(Effect.provide(withClient())),
  )

  it.live("A refusal is a problem with the file, its size and the limit.", () =>
    Effect.gen(function* () {
      const { json, status } = yield* post([["file", Buffer.alloc(101), "a.bin"]])
      expect([status, json.detail]).toEqual([
        413,
        expect.stringContaining('"a.bin": exceeds size limit (101 > 100 bytes)'),
      ])
      const many = yield* post(Array.from({ length: 3 }, (_, n) => ["f", Buffer.from("x"), `${n}`] as const))
      expect(many).toMatchObject({ status: 413, json: { error: { problem: "count", size: 3, limit: 2 } } })
      const huge = yield* post([["file", Buffer.alloc(1_100_000), "a.bin"]])
      expect(huge.status).toBe(413)
    }).pipe(Effect.provide(TestGateway.layer({ attachments: { maxBytes: 100, perMessage: 2 } }))),
  )

  it.live("A body without a form, and a form with other fields, is refused with the reason.", () =>
    Effect.gen(function* () {
      for (const [answer, status, text] of [
        [raw("x", "text/plain"), 415, "must be multipart/form-data"],
        [raw("x", "multipart/form-data"), 400, "with a boundary"],
        [raw("x"), 400, "not a valid form"],
        [raw("--b\r\n\r\n\r\n--b--\r\n"), 400, "not a valid form"],
        [raw("--b\r\n".repeat(1_000)), 400, "more than"],
        [post([["sessionkey", "s"]]), 400, 'unknown field "sessionkey". Did you mean "sessionKey"?'],
        [post([["text", ""]]), 400, "must not be empty without attachments"],
        [post([["timeoutMs", "soon"]]), 400, "timeoutMs"],
        [
          post([
            ["commands", "maybe"],
            ["text", "x"],
          ]),
          400,
          "commands",
        ],
      ] as const) {
        expect(yield* answer).toMatchObject({ status, json: { detail: expect.stringContaining(text) } })
      }
      expect((yield* ask("/api/send", { token: null, body: "" })).status).toBe(401)
      expect((yield* ask("/api/send")).status).toBe(405)
    }).pipe(Effect.provide(TestGateway.layer())),
  )
})
