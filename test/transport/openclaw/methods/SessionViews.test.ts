/** SessionViews: rows of generated sessions, checked against the published schema. */
import { describe, it } from "@effect/vitest"
import { AgentId } from "../../../../src/domain/Agent.ts"
import { Session } from "../../../../src/domain/Session.ts"
import { mainSessionKey } from "../../../../src/transport/openclaw/methods/SessionKeys.ts"
import { fullRow, missingRow, sessionRow } from "../../../../src/transport/openclaw/methods/SessionViews.ts"
import { expectValid } from "../../../support/OpenClaw.ts"

const catalog = { defaultId: "main", agents: [], models: [] }

/** Replaces empty texts, which the contract's schema of a session allows and the published schema does not. */
const withoutEmptyTexts = (row: object) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === "" ? "x" : value]))

describe("SessionViews", () => {
  it.prop(
    "The row of every session matches the published schema.",
    [Session],
    ([session]) => {
      expectValid("SessionRow", withoutEmptyTexts(sessionRow(session)))
      expectValid("SessionRow", withoutEmptyTexts(fullRow(session, catalog, 1, ["r"])))
    },
    { arbitrary: { runs: 300, size: 20 } },
  )

  it.prop("The row of a session that does not exist yet matches the published schema.", [AgentId], ([agentId]) => {
    expectValid("SessionRow", missingRow(mainSessionKey(agentId), agentId, catalog, 1))
  })
})
