/** The fleet over a database in memory, with upstream gateways of the test's choice. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { cardId } from "../../src/domain/AgentCard.ts"
import type { GatewayEvent, Positioned } from "../../src/domain/Event.ts"
import { UpstreamSettings } from "../../src/domain/FleetSettings.ts"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Fleet } from "../../src/services/fleet/Fleet.ts"
import { SessionIndex } from "../../src/services/sessions/SessionIndex.ts"
import * as Database from "../../src/services/storage/Database.ts"
import { StateFolder } from "../../src/services/storage/StateFolder.ts"
import { type UpstreamClient, Upstreams } from "../../src/services/upstreams/Upstreams.ts"

const registry = (options: GatewayOptions) =>
  Layer.mergeAll(Agents.layer, SessionIndex.layer).pipe(
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(Layer.mergeAll(Database.layerMemory, StateFolder.layerTemporary)),
    Layer.provideMerge(GatewayConfig.layer(options)),
  )

const settings = Schema.decodeSync(UpstreamSettings)

/** A fleet with clients of the test. */
export const layerOf = (
  clients: Readonly<Record<string, UpstreamClient>>,
  fleet: NonNullable<GatewayOptions["fleet"]> = {},
  more: Partial<typeof UpstreamSettings.Encoded> = {},
) =>
  Fleet.layer.pipe(
    Layer.provideMerge(
      Layer.succeed(Upstreams)({
        all: Object.entries(clients).map(([name, client]) => ({
          settings: settings({ name, url: `ws://${name}.example.org/`, ...more }),
          client,
        })),
      }),
    ),
    Layer.provideMerge(registry({ fleet })),
  )

/** A fleet that connects to the addresses. */
export const layerConnected = (fleet: NonNullable<GatewayOptions["fleet"]>) =>
  Fleet.layer.pipe(Layer.provideMerge(Upstreams.layer), Layer.provideMerge(registry({ fleet })))

type FleetEvent = Extract<
  GatewayEvent,
  {
    readonly _tag: "CardChanged" | "CardRemoved" | "FleetUpdated" | "TaskProgressed" | "TaskStarted" | "UpstreamChanged"
  }
>

/** Collects the events of the fleet from now on, and waits for those that a test expects. */
export const follow = Effect.gen(function* () {
  const events = yield* Events
  const seen: Array<Positioned & { readonly event: FleetEvent }> = []
  const waiting = new Set<() => void>()
  yield* events.subscribe({ topics: ["fleet"] }).pipe(
    Stream.runForEach((item) =>
      Effect.sync(() => {
        if (item._tag !== "Event") return
        seen.push(item as Positioned & { readonly event: FleetEvent })
        for (const check of waiting) check()
      }),
    ),
    Effect.forkScoped({ startImmediately: true }),
  )
  /** Waits until a condition holds after some event. */
  const until = (holds: () => boolean) =>
    Effect.callback<void>((resume) => {
      const check = () => {
        if (!holds()) return
        waiting.delete(check)
        resume(Effect.void)
      }
      waiting.add(check)
      check()
      return Effect.sync(() => waiting.delete(check))
    })
  return {
    seen,
    until,
    /** Waits until the last event of the gateway has the state. */
    untilState: (name: string, state: string) =>
      until(() => {
        const last = seen.findLast(
          ({ event }) => event._tag === "UpstreamChanged" && event.upstream.name === name,
        )?.event
        return last?._tag === "UpstreamChanged" && last.upstream.state === state
      }),
    /** Waits for a card with these values. */
    untilCard: (name: string | null, agentId: string, values: object) =>
      until(() => {
        const card = seen
          .flatMap(({ event }) =>
            event._tag === "CardChanged" ? [event.card] : event._tag === "FleetUpdated" ? event.cards : [],
          )
          .findLast(({ id }) => id === cardId(name, agentId))
        return (
          card !== undefined && Object.entries(values).every(([key, value]) => card[key as keyof typeof card] === value)
        )
      }),
  }
})
