/**
 * A gateway with a tool of your own. Run `npx node examples/tool.ts`: it prints the names of the tools that agents have.
 * docs/tools.md explains permissions and limits.
 */
import { AgentTool, Gateway, GatewayConfig, Tools } from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

const dice = AgentTool.make({
  name: "dice",
  description: "Rolls a die and returns the number.",
  parameters: Schema.Struct({ sides: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 1_000 })) }),
  success: Schema.Int,
  handle: ({ sides }) => Random.nextIntBetween(1, sides + 1),
})

const gateway = Gateway.layerWith({
  ...Gateway.parts,
  storage: Gateway.storageInMemory,
  tools: Layer.mergeAll(Gateway.parts.tools, Tools.add(dice)),
})

const program = Layer.effectDiscard(
  Effect.gen(function* () {
    const tools = yield* Tools
    yield* Console.log(
      `Agents have the tools ${tools
        .all()
        .map(({ name }) => name)
        .join(", ")}.`,
    )
  }),
)

Layer.launch(
  program.pipe(Layer.provide(gateway), Layer.provide(GatewayConfig.layer({ port: 0, token: "example" }))),
).pipe(NodeRuntime.runMain)
