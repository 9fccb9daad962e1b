/**
 * ClientTools: the tools that clients offer to single runs and call themselves. A run ends with the calls, and the next
 * message of the client has their results. The offers are in memory: only the request that makes one can take its calls.
 * The OpenAI routes make offers, and the runtime `model` shows them to its model.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export interface ClientTool {
  /** As the name of an AgentTool. A tool of the agent with the same name is hidden during the run. */
  readonly name: string
  readonly description: string
  /** The JSON Schema of the input, an object. */
  readonly parameters: JsonSchema.JsonSchema
}

export interface ClientToolOffer {
  readonly tools: ReadonlyArray<ClientTool>
  /** `required`: the model goes on until it has called one of the tools. A `tool`: the first answer calls it. */
  readonly choice: "auto" | "required" | { readonly tool: string }
  /** Whether the run may end with several calls. */
  readonly parallel: boolean
}

export class ClientTools extends Context.Service<
  ClientTools,
  {
    /** Offers tools to a run until the scope closes. Call it before the run is accepted. */
    offer(runId: string, offer: ClientToolOffer): Effect.Effect<void, never, Scope.Scope>
    /** Returns the offer to the run. */
    readonly of: (runId: string) => ClientToolOffer | undefined
  }
>()("causeway/services/tools/ClientTools") {
  static readonly layer: Layer.Layer<ClientTools> = Layer.sync(ClientTools, () => {
    const offers = new Map<string, ClientToolOffer>()
    return ClientTools.of({
      offer: (runId, offer) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => offers.set(runId, offer)),
            () => Effect.sync(() => offers.delete(runId)),
          ),
        ),
      of: (runId) => offers.get(runId),
    })
  })
}
