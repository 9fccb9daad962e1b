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
  /** The time of the newest answer of each REST address. Most answers make no event about their gateway. */
  readonly polls = new Map<string, number>()
  #hasLocal = false

  constructor(upstreams: ReadonlyArray<Upstream>) {
    this.upstreams = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  }

  apply(event: GatewayEvent): void {
    switch (event._tag) {
      case "CardChanged":
        this.#put(event.card)
        return
      case "CardRemoved":
        this.cards.delete(event.id)
        return
      case "FleetUpdated":
        this.cards.clear()
        for (const card of event.cards) this.#put(card)
        return
      case "UpstreamChanged":
        this.upstreams.set(event.upstream.name, event.upstream)
        return
    }
  }

  /** Replaces the cards of this gateway. `undefined`: the store has none of them from now on. */
  replaceLocal(cards: ReadonlyArray<AgentCard> | undefined): void {
    this.#hasLocal = cards !== undefined
    for (const { id, upstream } of this.cards.values()) if (upstream === null) this.cards.delete(id)
    for (const card of cards ?? []) this.cards.set(card.id, card)
  }

  /** An event may come after the end of its last subscriber. */
  #put(card: AgentCard): void {
    if (card.upstream !== null || this.#hasLocal) this.cards.set(card.id, card)
  }

  /** `local` returns the cards of this gateway that the store has not. */
  get(id: string, now: number, local: () => ReadonlyArray<AgentCard>): ListedCard | undefined {
    const card = this.cards.get(id) ?? local().find((card) => card.id === id)
    return card && this.#listed(card, now)
  }

  /** Returns all cards, those of this gateway first. `local`: as in `get`. */
  list(now: number, local: () => ReadonlyArray<AgentCard>): ReadonlyArray<ListedCard> {
    const cards = [...local(), ...this.cards.values()]
    const isLocal = ({ upstream }: AgentCard) => upstream === null
    const sorted = [...cards.filter(isLocal), ...cards.filter((card) => !isLocal(card))]
    return sorted.map((card) => this.#listed(card, now))
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
