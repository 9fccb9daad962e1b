/**
 * Fleet: the cards of all agents, of this gateway and of its upstream gateways. A change goes into the cards in the same
 * step in which its event becomes live, so that cards and events agree. The handlers of `fleet.*` use it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AgentCard, Upstream } from "../../domain/AgentCard.ts"
import type { LiveEvent, Position } from "../../domain/Event.ts"
import { CardNotFound, type ListedCard } from "../../domain/Fleet.ts"
import { DEMO } from "../../domain/FleetSettings.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Agents } from "../agents/Agents.ts"
import { Events } from "../events/Events.ts"
import { SessionIndex } from "../sessions/SessionIndex.ts"
import { Upstreams } from "../upstreams/Upstreams.ts"
import { CardMerge, type Change, type Merged } from "./CardMerge.ts"
import { demoAgents, patienceOf } from "./DemoFleet.ts"
import { FleetStore } from "./FleetStore.ts"
import { LocalCards } from "./LocalCards.ts"
import { Answering, standIn } from "./StandIn.ts"
import { UpstreamStatus } from "./UpstreamStatus.ts"

export class Fleet extends Context.Service<
  Fleet,
  {
    /** Returns all cards, those of this gateway first. They contain the events up to `position`. */
    readonly list: Effect.Effect<{
      readonly cards: ReadonlyArray<ListedCard>
      readonly upstreams: ReadonlyArray<Upstream>
      readonly position: Position
    }>
    get(id: string): Effect.Effect<ListedCard, CardNotFound>
    readonly upstreams: Effect.Effect<ReadonlyArray<Upstream>>
    /** Returns the keys of the agent's sessions with a run that waits or is in progress. */
    readonly atWork: (card: Pick<AgentCard, "agentId" | "upstream">) => ReadonlyArray<string>
  }
>()("causeway/services/fleet/Fleet") {
  /** Follows the upstream gateways until the scope closes. */
  static readonly layer: Layer.Layer<Fleet, never, Agents | Events | GatewayConfig | SessionIndex | Upstreams> =
    Layer.effect(
      Fleet,
      Effect.gen(function* () {
        const events = yield* Events
        const { all } = yield* Upstreams
        const startedAt = yield* Clock.currentTimeMillis
        const statuses = all.map(({ settings: { name, url } }) => new UpstreamStatus(name, url, startedAt))
        const store = new FleetStore(statuses.map(({ current }) => current))
        const local = new LocalCards({ agents: (yield* Agents).all, sessions: yield* SessionIndex })
        const merges = new Map<string, CardMerge>()

        const publish = (event: LiveEvent) => events.publishLive(event)
        const publishMerged = ({ begun, changed, removed, stepped }: Merged) => {
          for (const card of changed) publish({ _tag: "CardChanged", card })
          for (const id of removed) publish({ _tag: "CardRemoved", id })
          for (const task of begun) publish({ _tag: "TaskStarted", ...task })
          for (const task of stepped) publish({ _tag: "TaskProgressed", ...task })
        }
        const apply = (merge: CardMerge, change: Change) => {
          const merged = merge.apply(change)
          if (change._tag !== "Listed") return publishMerged(merged)
          const upstream = Array.from(merges.values(), ({ cards }) => Array.from(cards.values())).flat()
          publish({ _tag: "FleetUpdated", cards: [...local.cards(), ...upstream] })
        }

        yield* events.onEvent((positioned) => {
          store.apply(positioned.event)
          const merged = local.apply(positioned)
          if (merged !== undefined) publishMerged(merged)
        })
        yield* events.onFollowed("fleet", (isFollowed) => {
          local.follow(isFollowed)
          store.replaceLocal(isFollowed ? local.cards() : undefined)
        })

        /** Whether some gateway answers. */
        const some = new Answering()
        if (all.length > 0) {
          const { run } = yield* Effect.promise(() => import("./UpstreamFeed.ts"))
          for (const [index, upstream] of all.entries()) {
            const { name } = upstream.settings
            const status = statuses[index]!
            const merge = new CardMerge(name)
            merges.set(name, merge)
            const feed = run(upstream, {
              merge,
              status,
              apply: (change) => apply(merge, change),
              reported: (isNew) => {
                if (isNew) publish({ _tag: "UpstreamChanged", upstream: status.current })
                some.set(statuses.some(({ isAnswering }) => isAnswering))
              },
              polled: (at) => store.polls.set(name, at),
            })
            yield* feed.pipe(
              Effect.annotateLogs("source", `fleet/${name}`),
              Effect.forkScoped({ startImmediately: true }),
            )
          }
        }

        if ((yield* GatewayConfig).fleet.demo) {
          const merge = new CardMerge(DEMO)
          merges.set(DEMO, merge)
          const show = (agents: typeof demoAgents) =>
            Effect.sync(() => apply(merge, { _tag: "Listed", agents, sessions: [] }))
          const patience = patienceOf(all)
          const shown = Effect.ensuring(Effect.andThen(show(demoAgents), Effect.never), show([]))
          if (all.length === 0) yield* show(demoAgents)
          else yield* Effect.forkScoped(standIn(some, patience, shown))
        }

        const now = Clock.currentTimeMillis
        /** Returns the cards of this gateway if the store has none, because nobody follows them. */
        const cardsNow = () => (local.isFollowed ? [] : local.cards())
        return Fleet.of({
          list: Effect.map(now, (at) => ({
            cards: store.list(at, cardsNow),
            upstreams: store.gateways(),
            position: events.head(),
          })),
          upstreams: Effect.sync(() => store.gateways()),
          atWork: ({ agentId, upstream }) =>
            upstream === null ? local.atWork(agentId) : (merges.get(upstream)?.atWork(agentId) ?? []),
          get: Effect.fn("Fleet.get")(function* (id: string) {
            return store.get(id, yield* now, cardsNow) ?? (yield* new CardNotFound({ id }))
          }),
        })
      }),
    )
}
