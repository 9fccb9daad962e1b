/**
 * UpstreamStatus: the state of one upstream gateway, made of the reports of its connection and of its poller. It does no IO.
 * Fleet.ts has one for each gateway.
 */
import type { Upstream } from "../../domain/AgentCard.ts"

/** Facts that the connection reports. */
export type Report = Partial<Pick<Upstream, "clients" | "reason" | "version">> & {
  readonly state?: Exclude<Upstream["state"], "polling">
}

/** The result of a poll: the time of the answer, or the problem. */
export type Poll =
  | { readonly _tag: "Answered"; readonly at: number }
  | { readonly _tag: "Failed"; readonly problem: string }

export class UpstreamStatus {
  #connection: Required<Report> = { state: "connecting", reason: null, version: null, clients: null }
  #poll: Poll | undefined
  #isInStep = false
  #current: Upstream

  constructor(name: string, url: string, since: number) {
    const facts = { name, url: addressOf(url), since, lastReadyAt: null, via: null }
    this.#current = { ...facts, ...this.#connection }
  }

  get current(): Upstream {
    return this.#current
  }

  /** Returns whether the cards follow every change. */
  get isReady(): boolean {
    return this.#connection.state === "ready"
  }

  /** Returns whether the gateway answers in some way. */
  get isAnswering(): boolean {
    const { state } = this.#current
    return state === "syncing" || state === "ready" || state === "polling"
  }

  /** Returns whether the cards continue from the lists of the connection: polled cards know less. */
  get isInStep(): boolean {
    return this.#isInStep
  }

  /** Takes facts of the connection. Returns whether the gateway has changed. */
  report(facts: Report, now: number): boolean {
    this.#connection = { ...this.#connection, ...facts }
    if (facts.state === "syncing") this.#isInStep = false
    if (this.isReady) {
      this.#poll = undefined
      this.#isInStep = true
    }
    return this.#changeTo(this.#made(), now)
  }

  /** Takes the result of a poll, which counts only until the gateway is ready. Returns whether the gateway has changed. */
  polled(poll: Poll, now: number): boolean {
    if (this.isReady) return false
    const before = this.#poll
    this.#poll = poll
    if (poll._tag === "Answered") this.#isInStep = false
    const isOver = poll._tag === "Failed" && before?._tag === "Answered"
    return this.#changeTo({ ...this.#made(), ...(isOver && { lastReadyAt: before.at }) }, now)
  }

  #made(): Upstream {
    const { reason, state, ...facts } = this.#connection
    const poll = this.#poll
    const before = this.#current
    if (state === "ready") return { ...before, ...facts, state, reason: null, via: "websocket" }
    if (poll?._tag === "Answered") return { ...before, ...facts, state: "polling", reason, via: "http" }
    const problem = poll === undefined ? reason : [reason ?? `its state is ${state}`, poll.problem].join("; ")
    return { ...before, ...facts, state, reason: problem }
  }

  #changeTo(next: Upstream, now: number): boolean {
    const before = this.#current
    const after = { ...next }
    if (after.state !== before.state) {
      after.since = now
      if (before.state === "ready") after.lastReadyAt = now
      if (after.state === "ready") after.lastReadyAt = null
    }
    const isSame = (Object.keys(after) as ReadonlyArray<keyof Upstream>).every((key) => after[key] === before[key])
    if (isSame) return false
    this.#current = after
    return true
  }
}

const addressOf = (text: string): string => {
  const url = URL.parse(text)
  return url === null ? "" : `${url.protocol}//${url.host}${url.pathname}`
}
