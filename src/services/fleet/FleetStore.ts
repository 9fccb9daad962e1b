/**
 * FleetStore: the published cards and upstream gateways. Each event of the fleet goes into it before subscribers get the
 * event, with the same values. Fleet.ts has one.
 */
import type { AgentCard, Upstream } from "../../domain/AgentCard.ts"
import type { GatewayEvent } from "../../domain/Event.ts"
import type { ListedCard } from "../../domain/Fleet.ts"

export class FleetStore {
  readonly cards = new Map<string, AgentCard>()
  readonly upstreams: Map<string, Upstream>
  /** When the cards of a gateway last came by its REST address. No event says so each time. */
  readonly polls = new Map<string, number>()

  constructor(upstreams: ReadonlyArray<Upstream>) {
    this.upstreams = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  }

  apply(event: GatewayEvent): void {
    switch (event._tag) {
      case "CardChanged":
        this.cards.set(event.card.id, event.card)
        return
      case "CardRemoved":
        this.cards.delete(event.id)
        return
      case "FleetUpdated":
        this.cards.clear()
        for (const card of event.cards) this.cards.set(card.id, card)
        return
      case "UpstreamChanged":
        this.upstreams.set(event.upstream.name, event.upstream)
        return
    }
  }

  get(id: string, now: number): ListedCard | undefined {
    const card = this.cards.get(id)
    return card && this.#listed(card, now)
  }

  list(now: number): { readonly cards: ReadonlyArray<ListedCard>; readonly upstreams: ReadonlyArray<Upstream> } {
    const isLocal = ({ upstream }: AgentCard) => upstream === null
    const cards = [...this.cards.values()]
    return {
      cards: [...cards.filter(isLocal), ...cards.filter((card) => !isLocal(card))].map((card) =>
        this.#listed(card, now),
      ),
      upstreams: this.gateways(),
    }
  }

  /** Returns the upstream gateways, with the time of the newest poll. */
  gateways(): ReadonlyArray<Upstream> {
    return Array.from(this.upstreams.values(), (upstream) =>
      upstream.state === "polling"
        ? { ...upstream, lastReadyAt: this.polls.get(upstream.name) ?? upstream.lastReadyAt }
        : upstream,
    )
  }

  #listed(card: AgentCard, now: number): ListedCard {
    const upstream = card.upstream === null ? undefined : this.upstreams.get(card.upstream)
    if (upstream === undefined) return { ...card, asOf: now, away: null, via: null }
    const { lastReadyAt, name, reason, since, state, via } = upstream
    if (state === "ready") return { ...card, asOf: now, away: null, via }
    if (state === "polling") return { ...card, asOf: this.polls.get(name) ?? since, away: null, via }
    return { ...card, asOf: lastReadyAt ?? since, away: reason ?? `${name} is ${state}`, via }
  }
}
