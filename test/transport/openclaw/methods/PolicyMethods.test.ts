import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Agents } from "../../../../src/services/agents/Agents.ts"
import { Approvals } from "../../../../src/services/approvals/Approvals.ts"
import { answer, expectValid, layer } from "../../../support/OpenClaw.ts"
import { untilEvent } from "../../../support/Published.ts"

interface File {
  readonly version: 1
  readonly agents: Readonly<Record<string, { readonly allowlist: ReadonlyArray<{ readonly pattern: string }> }>>
}

const policy = Effect.map(answer("exec.approvals.get"), (snapshot) => {
  expectValid("ExecApprovalsSnapshot", snapshot)
  return { hash: String(snapshot["hash"]), file: snapshot["file"] as File }
})

/** Makes a grant of the agent `main` for the command. */
const granted = Effect.fnUntraced(function* (command: string) {
  const approvals = yield* Approvals
  const run = yield* Effect.forkScoped(answer("exec.approval.request", { command }))
  yield* untilEvent(() => approvals.waiting().length > 0)
  yield* approvals.decide(approvals.waiting()[0]!.id, "allow-always", "ann")
  yield* Fiber.join(run)
})

const set = (file: object, baseHash: string) => answer("exec.approvals.set", { file, baseHash })

const messageOf = (effect: ReturnType<typeof set>) => Effect.map(Effect.flip(effect), (fault) => JSON.stringify(fault))

describe("PolicyMethods", () => {
  it.live("The file shows the permission for all tools and the grants, and a written file changes both.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const approvals = yield* Approvals
      yield* agents.update("main", { tools: { time: "allow", "*": "ask" } })
      yield* granted("ls")
      yield* granted("pwd")
      const before = yield* policy
      const { main } = before.file.agents
      expect(main).toMatchObject({ security: "allowlist", ask: "on-miss" })
      expect(main!.allowlist).toHaveLength(2)
      const kept = main!.allowlist.filter(({ pattern }) => pattern.includes("ls"))
      const written = { version: 1, agents: { main: { security: "full", ask: "off", allowlist: kept } } }
      const after = yield* set(written, before.hash)
      expectValid("ExecApprovalsSnapshot", after)
      expect((yield* agents.get("main")).tools).toEqual({ time: "allow", "*": "allow" })
      const grants = yield* approvals.grants
      expect(grants.map(({ input, revokedBy }) => [JSON.parse(input).command, revokedBy])).toEqual([
        ["pwd", "test"],
        ["ls", null],
      ])
      yield* set({ version: 1, agents: { main: {} } }, String(after["hash"]))
      expect((yield* agents.get("main")).tools).toEqual({ time: "allow" })
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("A stale file and settings without a counterpart are refused, and change nothing.", () =>
    Effect.gen(function* () {
      const { file, hash } = yield* policy
      expect(yield* messageOf(set(file, ""))).toContain("base hash required")
      expect(yield* messageOf(set(file, "old"))).toContain("changed since last load")
      const cases: ReadonlyArray<readonly [object, string]> = [
        [{ main: { ask: "always" } }, "has no counterpart here"],
        [{ main: { allowlist: [{ pattern: "rm *" }] } }, "takes no new patterns"],
        [{ main: { askFallback: "full" } }, "askFallback can only be deny"],
        [{ main: { autoAllowSkills: true } }, "autoAllowSkills"],
        [{ main: {}, other: {} }, 'no agent \\"other\\"'],
        [{}, "send the whole file"],
      ]
      for (const [agents, message] of cases) {
        expect(yield* messageOf(set({ version: 1, agents }, hash))).toContain(message)
      }
      const defaults = { ask: "off" }
      expect(yield* messageOf(set({ ...file, defaults }, hash))).toContain("defaults cannot be changed")
      expect((yield* policy).hash).toBe(hash)
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("The use of a grant leaves the hash as it is.", () =>
    Effect.gen(function* () {
      yield* granted("ls")
      const { hash } = yield* policy
      expect(yield* answer("exec.approval.request", { command: "ls" })).toMatchObject({ decision: "allow-always" })
      expect((yield* policy).hash).toBe(hash)
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )
})
