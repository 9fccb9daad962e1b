/**
 * The gateway with a runtime whose runs do what their message says: they misbehave, or emit tokens at a steady pace. The
 * scenarios Isolation and Streams start it.
 */
import { type AgentRuntime, AgentRuntimes, Gateway, GatewayConfig, ListeningAddress } from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type Misdeed, STREAM, TOKEN_MS, TOKENS } from "./Deeds.ts"

type Output = ReturnType<AgentRuntime["run"]>

const said = (text: string) => ({ _tag: "Text", text }) as const

const deeds: Readonly<Record<Misdeed | typeof STREAM, Output>> = {
  spin: Stream.fromEffect(
    Effect.forever(
      Effect.sync(() => {}),
      { disableYield: true },
    ),
  ),
  flood: Stream.forever(Stream.make(said("again "))),
  hang: Stream.never,
  throw: Stream.die(new Error("a bug of the runtime")),
  [STREAM]: Stream.range(1, TOKENS).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((n) => Effect.as(Effect.sleep(TOKEN_MS), said(`word${n} `))),
  ),
}

const isDeed = (text: string): text is keyof typeof deeds => text in deeds

const obedient: AgentRuntime = {
  name: "obedient",
  models: [],
  run: ({ text }) => (isDeed(text) ? deeds[text] : Stream.empty),
}

const gateway = Gateway.layerWith({ ...Gateway.parts, runtimes: AgentRuntimes.add(obedient) })

const announce = Layer.effectDiscard(
  Effect.flatMap(ListeningAddress, ({ authority }) => Console.log(`listens on ${authority} `)),
)

const config = Layer.unwrap(
  Effect.gen(function* () {
    const stateDir = yield* Config.String("STATE_DIR")
    const token = yield* Config.String("TOKEN")
    const concurrent = yield* Config.Int("CONCURRENT")
    const runs = { concurrent, concurrentPerAgent: concurrent }
    return GatewayConfig.layer({ port: 0, stateDir, token, runtime: obedient.name, logLevel: "fatal", runs })
  }),
)

Layer.launch(announce.pipe(Layer.provide(gateway), Layer.provide(config))).pipe(NodeRuntime.runMain)
