import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Approvals } from "../../../src/services/approvals/Approvals.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { toolRun } from "../../support/ToolRuns.ts"
import { untilEvent } from "../../support/Published.ts"

/** Calls a tool with the permission `ask`, and waits until an operator has to decide. */
const asked = Effect.fnUntraced(function* (zone: string) {
  const tools = yield* Tools
  const approvals = yield* Approvals
  const before = approvals.waiting().length
  const run = toolRun({ agent: { tools: { time: "ask" } } })
  const call = yield* Effect.forkScoped(tools.call(run, "time", { zone }, "call-1"))
  yield* untilEvent(() => approvals.waiting().length > before)
  return { call, id: approvals.waiting().at(-1)!.id }
})

layer(TestGateway.layer(), { excludeTestServices: true })("causeway approvals", (it) => {
  it.effect("The list shows the whole call, and allow lets it run.", () =>
    Effect.gen(function* () {
      expect((yield* cli("approvals", "list")).stdout).toContain("No call waits for an approval.")
      const { call, id } = yield* asked("Europe/Paris\u001b[2J")
      const { stdout } = yield* cli("approvals", "list")
      expect(stdout).toContain(`${id}  time`)
      expect(stdout).toContain('input    {"zone":"Europe/Paris')
      expect(stdout).not.toContain("\u001b[2J")
      expect(json(yield* cli("approvals", "list", "--json"))).toMatchObject({ approvals: [{ id, tool: "time" }] })
      expect((yield* cli("approvals", "allow", id.slice(0, 8))).stdout).toContain("Allowed time of agent main.")
      expect((yield* Fiber.join(call)).text).not.toContain("did not run")
      expect((yield* cli("approvals", "allow", id)).stdout).toContain("was allowed before")
      expect(failure(yield* cli("approvals", "deny", id)).line).toContain("decided allow-once before")
    }).pipe(Effect.scoped),
  )

  it.effect("A denied call fails, and an unknown id names the list.", () =>
    Effect.gen(function* () {
      const { call, id } = yield* asked("UTC")
      expect((yield* cli("approvals", "deny", id)).stdout).toContain("Denied time of agent main.")
      expect((yield* Fiber.join(call)).isError).toBe(true)
      expect(failure(yield* cli("approvals", "deny", "none")).line).toContain("causeway approvals list")
    }).pipe(Effect.scoped),
  )

  it.effect("A grant of --always is listed and can be revoked.", () =>
    Effect.gen(function* () {
      const { call, id } = yield* asked("Asia/Tokyo")
      yield* cli("approvals", "allow", id, "--always")
      yield* Fiber.join(call)
      const { grants } = json(yield* cli("approvals", "grants", "--json")) as { grants: ReadonlyArray<{ id: string }> }
      expect((yield* cli("approvals", "grants")).stdout).toMatch(/^GRANT +AGENT +TOOL/)
      expect((yield* cli("approvals", "revoke", grants[0]!.id)).stdout).toContain("Revoked the grant of time")
      expect(failure(yield* cli("approvals", "revoke", "none")).line).toContain('no grant "none"')
    }).pipe(Effect.scoped),
  )
})
