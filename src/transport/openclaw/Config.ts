/**
 * The configuration as this dialect has it: a file, what was read from it, and what holds. Here there is one object for
 * all of these, the gateway's options, beside the agents with their models; it cannot be written. And the gateway's own
 * identity. Pure.
 */
import { own } from "../DialectMethods.ts"
import { all, ask, known, map } from "../Inquiry.ts"
import type { Row } from "./MethodTable.ts"
import { Nothing } from "./Params.ts"
import { modelFor, modelRef, type Roster, roster } from "./Roster.ts"
import { STORE } from "./SessionLists.ts"

const agentEntries = (roster: Roster) =>
  Object.fromEntries(
    roster.agents.map(({ id, name }) => {
      const model = modelFor(roster, id)
      return [id, { name, ...(model !== undefined && { model: { primary: modelRef(model) } }) }]
    }),
  )

const get = own(Nothing, () =>
  map(
    all({ roster: roster(), settings: ask("config.get", {}, (settings) => known(settings)) }),
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

const identity = own(Nothing, () =>
  ask("gateway.identity", {}, ({ id, publicKey }) => known({ deviceId: id, publicKey })),
)

export const configMethods: ReadonlyArray<Row> = [
  ["config.get", "operator.read", get],
  ["gateway.identity.get", "operator.read", identity],
]
