/**
 * Config: the methods that return the configuration and the gateway's identity. OpenClaw separates the configuration
 * file, its parsed content and the active configuration. Here one object stands for all of them: the gateway's options
 * and the agents with their models. Clients cannot change it.
 */
import * as Effect from "effect/Effect"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { NoParams } from "../wire/Params.ts"
import { modelFor, modelRef, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { STORE } from "./SessionLists.ts"

const agentEntries = (catalog: AgentCatalog) =>
  Object.fromEntries(
    catalog.agents.map(({ id, name }) => {
      const model = modelFor(catalog, id)
      return [id, { name, ...(model !== undefined && { model: { primary: modelRef(model) } }) }]
    }),
  )

const get = dialectMethod(NoParams, () =>
  Effect.gen(function* () {
    const catalog = yield* agentCatalog
    const { config: gateway, hash } = yield* call("config.get", {})
    const config = { gateway, agents: { entries: agentEntries(catalog) } }
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
  }),
)

const identity = dialectMethod(NoParams, () =>
  Effect.map(call("gateway.identity", {}), ({ id, publicKey }) => ({ deviceId: id, publicKey })),
)

export const configMethods: ReadonlyArray<Row> = [
  ["config.get", "operator.read", get],
  ["gateway.identity.get", "operator.read", identity],
]
