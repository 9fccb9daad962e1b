import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { AGENT, type Where } from "../support/AcpConversations.ts"
import { start, temporaryFolder } from "../support/GatewayProcess.ts"
import { gone, isAlive } from "../support/ProcessGroups.ts"

/** Starts a gateway whose agents run our command-line agent, in the given folder. */
const gatewayIn = Effect.fnUntraced(function* (folder: string, mode: string) {
  const config = join(folder, "causeway.yaml")
  const acp = { test: { command: process.execPath, args: [AGENT], env: { AGENT_MODE: mode } } }
  writeFileSync(config, JSON.stringify({ runtime: "acp/test", acp }))
  return yield* start({ stateDir: join(folder, "state"), args: ["--config", config] })
})

/** Sends `where` and returns the answer of the agent. */
const where = ({ cli }: Effect.Success<ReturnType<typeof gatewayIn>>) =>
  Effect.map(cli("send", "where", "--session", "s"), ({ stderr, stdout }) => {
    expect(stderr).toBe("")
    return JSON.parse(stdout) as Where
  })

describe("A gateway with a command-line agent", () => {
  it.live("No process of the agent survives a SIGKILL, and the next gateway continues the agent's session.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* gatewayIn(folder, "resume,stubborn")
      const before = yield* where(first)
      expect(isAlive(before.pid)).toBe(true)
      first.signal("SIGKILL")
      yield* first.exit
      yield* gone(-before.pid)
      const second = yield* gatewayIn(folder, "resume,stubborn")
      const after = yield* where(second)
      expect(after).toMatchObject({ sessionId: before.sessionId, messages: ["where"], blocks: ["where"] })
      second.signal("SIGTERM")
      expect(yield* second.exit).toMatchObject({ code: 0 })
      yield* gone(-after.pid)
    }),
  )
})
