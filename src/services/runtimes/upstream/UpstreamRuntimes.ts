/**
 * UpstreamRuntimes: a runtime `upstream/<name>` for each gateway of the option `fleet.upstreams`. Its agents talk through
 * that gateway; the model of an agent is the id of the agent there. docs/fleet.md tells users about it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Model } from "../../../domain/Model.ts"
import { RuntimeFailed } from "../../../domain/Run.ts"
import type { AgentRuntime, Turn } from "../../agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../agents/AgentRuntimes.ts"
import { Attachments } from "../../attachments/Attachments.ts"
import { Events } from "../../events/Events.ts"
import { Tx } from "../../storage/Tx.ts"
import { type ConnectedUpstream, Upstreams } from "../../upstreams/Upstreams.ts"

/** Adds the runtimes to the registry. Loads their code only if there are some. */
export const layer: Layer.Layer<never, never, AgentRuntimes | Attachments | Events | Upstreams> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { all } = yield* Upstreams
    if (all.length === 0) return
    const { add } = yield* AgentRuntimes
    const events = yield* Events
    const { read } = yield* Attachments
    const { run } = yield* Effect.promise(() => import("./UpstreamRun.ts"))
    for (const upstream of all) yield* add(runtimeOf(upstream, { events, readFile: read, run }))
  }),
)

interface Means {
  readonly events: Events["Service"]
  readonly readFile: Attachments["Service"]["read"]
  readonly run: typeof import("./UpstreamRun.ts").run
}

const runtimeOf = ({ client, settings }: ConnectedUpstream, { events, readFile, run }: Means): AgentRuntime => {
  const name = `upstream/${settings.name}`
  const failed = (detail: string) => new RuntimeFailed({ runtime: name, detail })

  /** A session that was emptied or made again continues in another session there. */
  const conversationOf = ({ sessionKey }: Turn) =>
    events.read(Effect.flatMap(Tx, ({ sessions }) => sessions.get(sessionKey))).pipe(
      Effect.map((session) =>
        [events.head().epoch, sessionKey, session?.createdAt ?? 0, session?.emptiedAt ?? 0].join("\0"),
      ),
      Effect.mapError(({ detail }) => failed(detail)),
    )

  return {
    name,
    models: client.call("agents.list").pipe(
      Effect.map(({ agents }) =>
        agents.map(({ id, identity, name: label }): Model => ({
          id,
          name: label ?? identity?.name ?? id,
          runtime: name,
          contextWindow: null,
        })),
      ),
      Effect.mapError(({ message }) => failed(message)),
    ),
    run: (turn) =>
      Stream.unwrap(
        Effect.map(conversationOf(turn), (conversation) =>
          run(turn, { runtime: name, client, conversation, readFile }),
        ),
      ),
  }
}
