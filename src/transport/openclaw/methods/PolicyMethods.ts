/**
 * PolicyMethods: the methods `exec.approvals.get` and `exec.approvals.set`, which read and change the policy of approvals
 * as a file. Methods.ts uses them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { hasText } from "../../dialect/Params.ts"
import { call, fail } from "../../dialect/Query.ts"
import { id, invalid, NoParams } from "../wire/Params.ts"
import { DEFAULTS, planOf, policyFile, PolicyFile } from "./ApprovalPolicy.ts"
import type { Row } from "./MethodTable.ts"
import { STORE } from "./SessionLists.ts"
import { now } from "./SessionQueries.ts"

/** The use of a grant does not change the policy. */
const hashOf = (file: object): string =>
  createHash("sha256")
    .update(JSON.stringify(file, (key, value) => (key === "lastUsedAt" ? undefined : value)))
    .digest("hex")

const state = Effect.gen(function* () {
  const at = yield* now()
  const { agents } = yield* call("agents.list", {})
  const { grants } = yield* call("approvals.grants", {})
  const file = policyFile(agents, grants, at)
  return { agents, grants, at, file, hash: hashOf(file) }
})

const snapshot = Effect.map(state, ({ file, hash }) => ({
  path: STORE,
  exists: true,
  hash,
  file,
  resolvedDefaults: DEFAULTS,
}))

/** Clients match on the text. */
const stale = (message: string) => fail({ _tag: "Domain", error: { _tag: "PolicyChanged", message } })

const set = dialectMethod(Schema.Struct({ file: PolicyFile, baseHash: id }), ({ baseHash, file }) =>
  Effect.gen(function* () {
    const { agents, at, grants, hash } = yield* state
    if (!hasText(baseHash)) {
      return yield* stale("exec approvals base hash required; re-run exec.approvals.get and retry")
    }
    if (baseHash !== hash) {
      return yield* stale("exec approvals changed since last load; re-run exec.approvals.get and retry")
    }
    const plan = planOf(file, agents, grants, at)
    if ("problem" in plan) return yield* invalid(plan.problem)
    yield* Effect.forEach(plan.revoke, (id) => call("approvals.revoke", { id }), { discard: true })
    yield* Effect.forEach(plan.agents, ({ id, tools }) => call("agents.update", { id, tools }), { discard: true })
    return yield* snapshot
  }),
)

export const policyMethods: ReadonlyArray<Row> = [
  ["exec.approvals.get", "operator.admin", dialectMethod(NoParams, () => snapshot)],
  ["exec.approvals.set", "operator.admin", set],
]
