/**
 * AcpRuntimes: the command-line agents of the option `acp`, each as a runtime `acp/<name>`. They speak the Agent Client
 * Protocol on standard input and output. docs/acp.md tells users about them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import type { GatewayEvent } from "../../../domain/Event.ts"
import { GatewayConfig } from "../../../domain/GatewayConfig.ts"
import { AgentRuntimes } from "../../agents/AgentRuntimes.ts"
import { Attachments } from "../../attachments/Attachments.ts"
import { Events } from "../../events/Events.ts"
import { StateFolder } from "../../storage/StateFolder.ts"
import type { AcpRuntime } from "./AcpRuntime.ts"

/** Adds the agents to the registry. Loads their code only if there are some, and starts none. */
export const layer: Layer.Layer<never, never, AgentRuntimes | Attachments | Events | GatewayConfig | StateFolder> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { acp, mcp: mcpServers } = yield* GatewayConfig
      const agents = Object.entries(acp)
      if (agents.length === 0) return
      const { add } = yield* AgentRuntimes
      const attachments = yield* Attachments
      const folder = Path.join((yield* StateFolder).folder, "acp")
      const { make } = yield* Effect.promise(() => import("./AcpRuntime.ts"))
      const runtimes: Array<AcpRuntime> = []
      for (const [name, settings] of agents) {
        const runtime = yield* make({ name, settings, folder, attachments, mcpServers })
        runtimes.push(runtime)
        yield* add(runtime)
      }
      yield* forgetEnded(runtimes)
    }),
  )

/** Returns the key of a session that the event removes or empties, or `undefined`. */
const endedBy = (event: GatewayEvent): string | undefined =>
  event._tag === "SessionClosed" || (event._tag === "MessagesRemoved" && event.reason === "reset")
    ? event.sessionKey
    : undefined

/** Lets the runtimes forget each session that is deleted or reset. */
const forgetEnded = Effect.fnUntraced(function* (runtimes: ReadonlyArray<AcpRuntime>) {
  const { onEvent } = yield* Events
  const ended = yield* Queue.unbounded<string>()
  yield* onEvent(({ event }) => {
    const key = endedBy(event)
    if (key !== undefined) Queue.offerUnsafe(ended, key)
  })
  // A process takes seconds to end if it does not want to.
  yield* Stream.fromQueue(ended).pipe(
    Stream.mapEffect((key) => Effect.forEach(runtimes, ({ forget }) => forget(key), { discard: true }), {
      concurrency: "unbounded",
    }),
    Stream.runDrain,
    Effect.forkScoped,
  )
})
