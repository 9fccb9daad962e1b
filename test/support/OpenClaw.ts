/**
 * Calls OpenClaw's methods without a connection, and checks answers and events against the published schemas.
 */
import { ProtocolSchemas } from "@openclaw/gateway-protocol/schema"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Value } from "typebox/value"
import { everyScope, type Principal } from "../../src/domain/Principal.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Contract } from "../../src/transport/dialect/Query.ts"
import { ContractCalls } from "../../src/transport/kernel/ContractCalls.ts"
import { encode } from "../../src/transport/openclaw/events/Events.ts"
import { interestsOf } from "../../src/transport/openclaw/events/Interests.ts"
import { methods } from "../../src/transport/openclaw/methods/Methods.ts"
import * as TestGateway from "./TestGateway.ts"

export const layer = (options: TestGateway.TestGatewayOptions = {}) =>
  Layer.provideMerge(ContractCalls.layer, TestGateway.layer(options))

const principal: Principal = { id: "test", kind: "local", role: "operator", scopes: everyScope }

/** Returns every answer to a call, in order. The method `agent` has two. */
export const answers = Effect.fnUntraced(function* (method: string, params: unknown = {}, as = principal) {
  const calls = yield* ContractCalls
  const found = methods.get(method)
  if (found?._tag !== "Own") return yield* Effect.die(`no method ${method}`)
  const emitted: Array<unknown> = []
  const { call } = calls.ofCaller({ id: "test", dialect: "test", principal: as })
  const emit = (value: unknown) => Effect.sync(() => void emitted.push(value))
  const contract = { ...Contract.calling(call), emit }
  const last = yield* Effect.provideService(found.query(params), Contract, contract)
  return [...emitted, last]
})

/** Returns the last answer after a round trip through JSON. */
export const answer = Effect.fnUntraced(function* (method: string, params: unknown = {}, as = principal) {
  const all = yield* answers(method, params, as)
  return JSON.parse(JSON.stringify(all.at(-1))) as { readonly [field: string]: unknown }
})

/** Expects that the value is valid in the published schema of this name. */
export const expectValid = (schema: keyof typeof ProtocolSchemas, value: unknown): void => {
  const problems = Value.Errors(ProtocolSchemas[schema], value).map((error) => `${error.instancePath} ${error.message}`)
  expect(problems, `${schema}: ${JSON.stringify(value)}`).toEqual([])
}

type EventFrame = { readonly event?: string; readonly payload?: any }

/** Returns the data of a run's event without the two fields that the published schema lacks. */
const withoutSession = ({ agentId: _agentId, sessionKey: _sessionKey, ...data }: any) => data

/** Expects a valid event frame with valid data. Some events of the reference gateway have no published schema. */
export const expectValidEvent = (frame: EventFrame): void => {
  const { event, payload } = frame
  expectValid("EventFrame", frame)
  switch (event) {
    case "chat":
      return expectValid("ChatEvent", payload)
    case "agent":
    case "session.tool":
      return expectValid("AgentEvent", withoutSession(payload))
    case "presence":
      for (const entry of payload.presence) expectValid("PresenceEntry", entry)
      return
    case "sessions.changed":
      if (payload.session !== undefined) expectValid("SessionRow", payload.session)
      return
    case "health":
      return expectValid("Snapshot", {
        presence: [],
        health: payload,
        stateVersion: { presence: 0, health: 0 },
        uptimeMs: 0,
      })
    case "session.approval":
      return expectValid("SessionApprovalEvent", payload)
    case "question.requested":
      return expectValid("QuestionRecord", payload)
    case "question.resolved":
      return expectValid("QuestionResolvedEvent", payload)
    case "tick":
      return expectValid("TickEvent", payload)
    case "shutdown":
      return expectValid("ShutdownEvent", payload)
    case "device.pair.requested":
      return expectValid("DevicePairRequestedEvent", payload)
    case "device.pair.resolved":
      return expectValid("DevicePairResolvedEvent", payload)
  }
}

/**
 * Returns a function that returns the events since now, as the client reads them. Each is valid in its schema.
 * `approvals`: the keys of the sessions whose approvals it shows.
 */
export const publishedEvents = Effect.fnUntraced(function* (
  clientId = "openclaw-control-ui",
  approvals: ReadonlyArray<string> = [],
) {
  const calls = yield* ContractCalls
  const events = yield* Events
  const { call } = calls.ofCaller({ id: "test", dialect: "test", principal })
  const facts = { protocol: 4, clientId, caps: [], readsParams: false, mayRead: true }
  const interests = { ...interestsOf(facts), approvals }
  const frames: Array<EventFrame> = []
  yield* events.onEvent((positioned) => {
    const { _tag } = positioned.event
    if (!_tag.startsWith("Approval") && !_tag.startsWith("Question")) return
    const encoded = Effect.provideService(encode(interests, positioned), Contract, Contract.calling(call))
    for (const frame of Effect.runSync(encoded)) {
      if (frame.policy !== "snapshot") frames.push(JSON.parse(frame.text.replace(/"seq": +,/, '"seq":1,')))
    }
  })
  return () => {
    frames.forEach(expectValidEvent)
    return frames
  }
})
