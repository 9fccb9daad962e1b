/**
 * OperationalLog: logs the events that operators follow: runs and the pairing of devices. Connections logs the clients,
 * Authorization the calls. No entry has the text of a message. Gateway.ts runs it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayEvent, Positioned } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { isLogged, type LogFacts } from "../../domain/Log.ts"
import { Events } from "../events/Events.ts"

/** One entry of the log. */
export interface Entry {
  readonly text: string
  readonly facts: LogFacts
}

type OfRun = Pick<Extract<GatewayEvent, { readonly _tag: "RunAccepted" }>, "agentId" | "runId" | "sessionKey">

const ofRun = ({ agentId, runId, sessionKey }: OfRun): LogFacts => ({
  source: "runs",
  run: runId,
  agent: agentId,
  session: sessionKey,
})

const devices = { source: "devices" }

/** Makes entries of events. It remembers the times of open runs. */
export class Entries {
  readonly #acceptedAt = new Map<string, number>()
  readonly #startedAt = new Map<string, number>()

  /** Returns the entry for an event, or `undefined` if operators do not follow it. */
  of({ at, event }: Pick<Positioned, "at" | "event">): Entry | undefined {
    switch (event._tag) {
      case "RunAccepted":
        this.#acceptedAt.set(event.runId, at)
        return { text: "a run was accepted", facts: ofRun(event) }
      case "RunStarted": {
        const acceptedAt = this.#acceptedAt.get(event.runId)
        this.#startedAt.set(event.runId, at)
        const waited = acceptedAt === undefined ? {} : { waitedMs: Math.round(at - acceptedAt) }
        return { text: "a run started", facts: { ...ofRun(event), attempt: event.attempt, ...waited } }
      }
      case "RunEnded":
        return { text: "a run ended", facts: { ...ofRun(event), ...this.#endOf(event, at) } }
      case "PairingRequested": {
        const { deviceId, displayName, remoteAddress, requestId, role, scopes } = event.request
        const facts = { device: deviceId, request: requestId, role, scopes: scopes.join(" ") }
        const about = { ...(displayName && { name: displayName }), ...(remoteAddress && { address: remoteAddress }) }
        return { text: "a device asks for approval", facts: { ...devices, ...facts, ...about } }
      }
      case "PairingResolved":
        return {
          text: `a request of a device was ${event.decision}`,
          facts: { ...devices, device: event.deviceId, request: event.requestId },
        }
      case "DeviceRemoved":
        return { text: "a device was removed", facts: { ...devices, device: event.deviceId } }
      default:
        return undefined
    }
  }

  /** The messages of errors may repeat the conversation, so the entry has their kinds. */
  #endOf({ error, outcome, runId, usage }: Extract<GatewayEvent, { readonly _tag: "RunEnded" }>, at: number): LogFacts {
    const startedAt = this.#startedAt.get(runId)
    this.#acceptedAt.delete(runId)
    this.#startedAt.delete(runId)
    return {
      outcome,
      ...(startedAt !== undefined && { ms: Math.round(at - startedAt) }),
      ...(error !== undefined && { reason: error.reason }),
      ...(error?.kind !== undefined && { kind: error.kind }),
      ...(usage !== undefined && { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens }),
    }
  }
}

export const layer: Layer.Layer<never, never, Events | GatewayConfig> = Layer.effectDiscard(
  Effect.gen(function* () {
    // Without such entries, runs pay nothing for them.
    if (!isLogged("info", (yield* GatewayConfig).logLevel)) return
    const events = yield* Events
    const fork = Effect.runForkWith(yield* Effect.context())
    const entries = new Entries()
    yield* events.onEvent((event) => {
      const entry = entries.of(event)
      if (entry !== undefined) fork(Effect.annotateLogs(Effect.logInfo(entry.text), entry.facts))
    })
  }),
)
