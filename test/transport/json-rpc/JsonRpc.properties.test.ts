/**
 * JsonRpc: properties of decoding and batches for generated input. Every method of the contract returns a result or a
 * typed error.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { GatewayRpcs } from "../../../src/domain/GatewayRpcs.ts"
import type { Principal } from "../../../src/domain/Principal.ts"
import { BATCH_CALLS } from "../../../src/transport/json-rpc/Envelope.ts"
import { jsonRpc, type JsonRpcRef } from "../../../src/transport/json-rpc/JsonRpc.ts"
import type { Inbound } from "../../../src/transport/dialect/Dialect.ts"
import { open } from "../../support/JsonRpcClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const principal: Principal = { id: "test", kind: "local", role: "operator", scopes: ["operator.admin"] }

const converse = () =>
  jsonRpc.converse({
    connectionId: "c1",
    pushes: true,
    subscriptions: { refusal: () => undefined, changed: () => {} },
    now: () => 0,
    head: () => ({ epoch: "e", seq: 0 }),
    resumeError: () => null,
    present: () => [],
    stopping: false,
    origin: { remoteAddress: "127.0.0.1", direct: true, originAllowed: true },
  })

const read = (frame: string, known: Principal | undefined = principal) => converse().read(frame, known)

/** Expects frames of the protocol, requests to the kernel, or nothing. */
const expectSound = (inbound: ReadonlyArray<Inbound<JsonRpcRef, string>>) => {
  for (const one of inbound) {
    expect(["Authenticate", "Call", "Cancel", "Send"]).toContain(one._tag)
    if (one._tag !== "Send") continue
    for (const answer of [JSON.parse(one.text)].flat()) {
      expect(answer).toMatchObject({ jsonrpc: "2.0", id: answer.id })
      expect("error" in answer || "result" in answer).toBe(true)
    }
  }
}

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

const Id = Schema.Union([Schema.String, Schema.Finite, Schema.Null])

/** Similar enough to a request that most values pass the first checks. */
const Request = Schema.Struct({
  jsonrpc: Schema.Literals(["2.0", "2.0", "2.0", "1.0"]),
  id: Schema.optionalKey(Schema.Union([Id, Schema.Json])),
  method: Schema.Union([Schema.Literals(["ping", "send", "$/cancel", "authenticate", "__proto__"]), Schema.Json]),
  params: Schema.optionalKey(Schema.Json),
})

const GoodRequest = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  method: Schema.Literals(["ping", "status", "no.such.method"]),
})

const options = { arbitrary: { runs: 1_000, size: 40 } }

describe("JsonRpc decoding", () => {
  it.prop(
    "Decoding accepts any bytes.",
    [Schema.Array(Byte)],
    ([bytes]) => expectSound(read(Buffer.from(bytes).toString())),
    options,
  )

  it.prop("Decoding accepts any JSON.", [Schema.Json], ([json]) => expectSound(read(JSON.stringify(json))), options)

  it.prop(
    "Decoding accepts nearly valid requests, with and without authentication, alone and in batches.",
    [Schema.Array(Request)],
    ([requests]) => {
      for (const known of [principal, undefined]) {
        expectSound(read(JSON.stringify(requests), known))
        for (const request of requests) expectSound(read(JSON.stringify(request), known))
      }
    },
    { arbitrary: { runs: 200, size: 40 } },
  )

  it.prop(
    "Decoding accepts truncated requests.",
    [Request, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 }))],
    ([request, end]) => expectSound(read(JSON.stringify(request).slice(0, end))),
    options,
  )
})

/** The gateway sends well-formed text only. */
const wellFormed = (id: unknown) => (typeof id === "string" ? id.toWellFormed() : id)

describe("JsonRpc batch", () => {
  it.prop(
    "A batch gets one response in the order of its requests, in whatever order they end.",
    [Schema.NonEmptyArray(GoodRequest), Schema.Array(Schema.Boolean)],
    ([all, early]) => {
      const requests = all.slice(0, BATCH_CALLS)
      const conversation = converse()
      const calls = conversation
        .read(JSON.stringify(requests), principal)
        .flatMap((inbound) => (inbound._tag === "Call" ? [inbound] : []))
      expect(calls).toHaveLength(requests.length)
      const inOrder = [...calls.filter((_, i) => early[i] === true), ...calls.filter((_, i) => early[i] !== true)]
      const frames = inOrder.map(({ method, ref }) => conversation.success(ref, method, method))
      const withId = requests.filter(({ id }) => id !== undefined)
      expect(frames.filter((text) => text !== undefined).map((text) => JSON.parse(String(text)))).toEqual(
        withId.length === 0
          ? []
          : [withId.map(({ id, method }) => ({ jsonrpc: "2.0", id: wellFormed(id), result: method }))],
      )
    },
    options,
  )
})

describe("JsonRpc methods of the contract", () => {
  /** The codes of a method's own errors, invalid parameters and refusals. */
  const typed = new Set([-32602, -32000, -32001, -32003, -32029])

  // `authenticate` gets wrong tokens, which must not lock the test out.
  const limits = { authFailures: 1_000_000, authFailureDelayMs: 0 }
  it.layer(TestGateway.layer({ logLevel: "fatal", limits }), { excludeTestServices: true })((it) => {
    for (const [name, rpc] of GatewayRpcs.requests) {
      it.effect(`The method ${name} returns a result or a typed error for any parameters.`, () =>
        Effect.gen(function* () {
          const client = yield* open()
          const call = Effect.fnUntraced(function* (params: unknown) {
            const { error } = yield* client.call(`gateway.${name}`, params)
            if (error !== undefined && !typed.has(error.code)) {
              expect.fail(`${JSON.stringify(params)} failed with ${JSON.stringify(error)}`)
            }
          })
          const json = yield* Arbitrary.sampleEffect(Arbitrary.schema(Schema.Record(Schema.String, Schema.Json)), {
            count: 30,
            seed: 1,
          })
          yield* Effect.forEach(json, call, { discard: true })
          const encode = Schema.encodeUnknownEffect(Schema.toCodecJson(rpc.payloadSchema))
          const payloads = yield* Arbitrary.sampleEffect(Arbitrary.schema(rpc.payloadSchema), {
            count: 30,
            seed: 2,
            size: 6,
          })
          // A generated id may be that of a question or an approval that waits.
          const inTime = (payload: object) => (name.endsWith(".wait") ? { ...payload, timeoutMs: 0 } : payload)
          yield* Effect.forEach(payloads, (payload) => Effect.flatMap(encode(inTime(payload)), call), { discard: true })
          expect((yield* client.call("ping")).result).toHaveProperty("at")
        }),
      )
    }
  })
})
