/**
 * Decides which waiting run begins next, without effects and time. Each session asks for its oldest open turn only. Runs
 * begin in the order in which they asked; a run whose agent is at its limit does not hold up the runs of other agents. A
 * decision looks at one run per agent, however many runs wait. RunAdmission uses it.
 */

export interface AdmissionLimits {
  readonly concurrent: number
  readonly concurrentPerAgent: number
}

/** A run that waits to begin or is in progress. */
export class Ask {
  readonly agentId: string
  /** Begins when no other run is in progress. The runs that ask later wait until it ends or shares. */
  readonly alone: boolean
  /** Ascends in the order of asking. */
  readonly order: number
  state: "waiting" | "running" | "gone" = "waiting"
  /** The neighbours in the line. */
  before: Ask | undefined
  after: Ask | undefined

  constructor(agentId: string, alone: boolean, order: number) {
    this.agentId = agentId
    this.alone = alone
    this.order = order
  }
}

/** Waiting runs in the order of asking. Each can leave at any time, in constant time. */
class Line {
  first: Ask | undefined
  #last: Ask | undefined

  append(ask: Ask): void {
    ask.before = this.#last
    if (this.#last === undefined) this.first = ask
    else this.#last.after = ask
    this.#last = ask
  }

  remove(ask: Ask): void {
    if (ask.before === undefined) this.first = ask.after
    else ask.before.after = ask.after
    if (ask.after === undefined) this.#last = ask.before
    else ask.after.before = ask.before
    ask.before = undefined
    ask.after = undefined
  }
}

interface Agent {
  running: number
  /** Its waiting runs, except those that want to be alone. */
  readonly line: Line
}

export class AdmissionQueue {
  readonly #limits: AdmissionLimits
  /** The agents that have runs in progress or in their line. */
  readonly #agents = new Map<string, Agent>()
  readonly #alone = new Line()
  #asked = 0
  #running = 0
  #exclusive: Ask | undefined

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** The number of runs in progress. */
  get running(): number {
    return this.#running
  }

  /** Adds a run at the end of the queue. Call `begin` afterwards. */
  ask(agentId: string, alone: boolean): Ask {
    const ask = new Ask(agentId, alone, this.#asked++)
    this.#lineOf(ask).append(ask)
    return ask
  }

  /** Removes a run that has ended or no longer waits. Call `begin` afterwards. */
  leave(ask: Ask): void {
    if (ask.state === "waiting") this.#lineOf(ask).remove(ask)
    if (ask.state === "running") {
      this.#running--
      this.#agentOf(ask).running--
      this.share(ask)
    }
    ask.state = "gone"
    const agent = this.#agentOf(ask)
    if (agent.running === 0 && agent.line.first === undefined) this.#agents.delete(ask.agentId)
  }

  /** Lets other runs begin beside a run that is alone. Call `begin` afterwards. */
  share(ask: Ask): void {
    if (this.#exclusive === ask) this.#exclusive = undefined
  }

  /** Begins the next run and returns it, or returns `undefined` if no waiting run may begin. */
  begin(): Ask | undefined {
    const ask = this.#next()
    if (ask === undefined) return undefined
    this.#lineOf(ask).remove(ask)
    ask.state = "running"
    this.#running++
    this.#agentOf(ask).running++
    if (ask.alone) this.#exclusive = ask
    return ask
  }

  #next(): Ask | undefined {
    if (this.#exclusive !== undefined || this.#running >= this.#limits.concurrent) return undefined
    let next: Ask | undefined
    for (const { line, running } of this.#agents.values()) {
      if (line.first === undefined || running >= this.#limits.concurrentPerAgent) continue
      if (next === undefined || line.first.order < next.order) next = line.first
    }
    const alone = this.#alone.first
    if (alone === undefined || (next !== undefined && next.order < alone.order)) return next
    return this.#running === 0 ? alone : undefined
  }

  #agentOf({ agentId }: Ask): Agent {
    const known = this.#agents.get(agentId)
    if (known !== undefined) return known
    const agent = { running: 0, line: new Line() }
    this.#agents.set(agentId, agent)
    return agent
  }

  #lineOf(ask: Ask): Line {
    return ask.alone ? this.#alone : this.#agentOf(ask).line
  }
}
