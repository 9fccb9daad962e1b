/**
 * FirstReply: asks the main agent of a gateway for a reply, before the configuration is written. The gateway is a whole one
 * with these settings, but in memory and without routes, so the reply proves the path that later messages take. Setup.ts
 * uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Struct from "effect/Struct"
import * as Stream from "effect/Stream"
import { replyPieces } from "../../client/Reply.ts"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { localPrincipal } from "../../domain/Principal.ts"
import { shortened } from "../../domain/Text.ts"

export interface FirstReply {
  readonly text: string
  readonly durationMs: number
}

/** A local model may have to be loaded first, and `npx` to download an agent. */
const DEADLINE_MS = 120_000

const ANSWER_CHARS = 200

/** The settings that decide about a reply. The port, the certificates and the files stay those of the real gateway. */
const forReply = (settings: GatewaySettings): GatewaySettings => ({
  ...Struct.omit(settings, ["memoryDir"]),
  host: "127.0.0.1",
  port: 0,
  auth: "token",
  tls: { minVersion: settings.tls.minVersion },
  mcp: {},
  drainMs: 0,
  logLevel: "fatal",
  runs: { ...settings.runs, deadlineMs: DEADLINE_MS },
})

/** Fails with RunNotDone if the run fails. An empty answer is an answer. */
export const firstReply = Effect.fn("firstReply")(function* (settings: GatewaySettings) {
  const [Gateway, { Runs }, { PROMPT }] = yield* Effect.promise(() =>
    Promise.all([
      import("../../Gateway.ts"),
      import("../../services/runs/Runs.ts"),
      import("../../services/models/ModelTest.ts"),
    ]),
  )
  const gateway = Gateway.layerWith({ ...Gateway.parts, storage: Gateway.storageInMemory, routes: Layer.empty }).pipe(
    Layer.provide(Layer.succeed(GatewayConfig, forReply(settings))),
  )
  return yield* Effect.gen(function* () {
    const runs = yield* Runs
    const startedAt = yield* Clock.currentTimeMillis
    const text = yield* Stream.mkString(replyPieces(runs.stream({ text: PROMPT }, localPrincipal)))
    const durationMs = (yield* Clock.currentTimeMillis) - startedAt
    return { text: shortened(text.trim(), ANSWER_CHARS), durationMs } satisfies FirstReply
  }).pipe(Effect.provide(gateway))
})
