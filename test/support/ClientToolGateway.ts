/**
 * ClientToolGateway: a gateway whose agent answers with a model of a FakeProvider, and has a tool `lookup` of its own. The
 * scenarios call the tool `weather`, which a client brings.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Gateway from "../../src/Gateway.ts"
import * as AgentTool from "../../src/services/tools/AgentTool.ts"
import { Tools } from "../../src/services/tools/Tools.ts"
import * as FakeProvider from "./FakeProvider.ts"
import * as TestGateway from "./TestGateway.ts"

const lookup = AgentTool.make({
  name: "lookup",
  description: "Finds a city.",
  parameters: Schema.Struct({ country: Schema.String }),
  success: Schema.String,
  handle: ({ country }) => Effect.succeed(`the capital of ${country}`),
})

/** Runs the test with a gateway over the model of the fake. */
export const withModel = <A, E, R>(
  kind: FakeProvider.Dialect,
  model: string,
  use: (fake: FakeProvider.FakeProvider) => Effect.Effect<A, E, R>,
  options: TestGateway.TestGatewayOptions = {},
) =>
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    // The agent's own tool, then a tool of the client, then an answer with the results of both.
    fake.script("lookup-first", async (answer, { count, results }) => {
      if (count === 1) {
        await answer.thinking("where?")
        await answer.tool("call_1", "lookup", '{"country":"France"}')
        return answer.end("tools")
      }
      if (count === 2) {
        await answer.text("Found. ")
        await answer.tool("call_1", "weather", '{"city":', '"Paris"}')
        return answer.end("tools")
      }
      await answer.text("It is ", results.join(" and "))
      return answer.end()
    })
    // The agent's own tool and a tool of the client in one answer.
    fake.script("mixed", async (answer, { count, results }) => {
      if (count > 1) {
        await answer.text("It is ", results.join(" and "))
        return answer.end()
      }
      await answer.tool("call_1", "lookup", '{"country":"France"}')
      await answer.tool("call_2", "weather", '{"city":"Paris"}')
      await answer.tool("call_3", "weather", '{"city":"Rome"}')
      return answer.end("tools")
    })
    const gateway = TestGateway.layer({
      ...options,
      model: `fake/${model}`,
      providers: { fake: { kind, baseUrl: fake.baseUrl[kind], apiKey: "sk-test-key" } },
      runtimes: Layer.mergeAll(Gateway.parts.runtimes, Tools.add(lookup)),
    })
    return yield* Effect.provide(use(fake), gateway)
  }).pipe(Effect.scoped)
