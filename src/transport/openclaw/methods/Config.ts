/**
 * The configuration as this dialect has it: a file, what was read from it, and what holds. Here there is one object for
 * all of these, the gateway's options, beside the agents with their models; it cannot be written. And the gateway's own
 * identity. Pure.
 */
import * as Effect from "effect/Effect"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { Nothing } from "../wire/Params.ts"
import { modelFor, modelRef, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { STORE } from "./SessionLists.ts"

const agentEntries = (roster: AgentCatalog) =>
  Object.fromEntries(
    roster.agents.map(({ id, name }) => {
      const model = modelFor(roster, id)
      return [id, { name, ...(model !== undefined && { model: { primary: modelRef(model) } }) }]
    }),
  )

const get = dialectMethod(Nothing, () =>
  Effect.map(
    Effect.all({ roster: agentCatalog, settings: Effect.map(call("config.get", {}), (settings) => settings) }),
    ({ roster, settings: { config: gateway, hash } }) => {
      const config = { gateway, agents: { entries: agentEntries(roster) } }
      return {
        path: STORE,
        includedPaths: [],
        exists: true,
        raw: null,
        parsed: config,
        sourceConfig: config,
        resolved: config,
        valid: true,
        runtimeConfig: config,
        config,
        hash,
        issues: [],
        warnings: [],
        legacyIssues: [],
        configRevisionHash: hash,
        appliedConfigHash: hash,
      }
    },
  ),
)

const identity = dialectMethod(Nothing, () =>
  Effect.map(call("gateway.identity", {}), ({ id, publicKey }) => ({ deviceId: id, publicKey })),
)

export const configMethods: ReadonlyArray<Row> = [
  ["config.get", "operator.read", get],
  ["gateway.identity.get", "operator.read", identity],
]
