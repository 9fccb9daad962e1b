/**
 * `causeway status`: prints health and figures of a running gateway.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { Health, Status } from "../../domain/System.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import * as Flags from "../client/Flags.ts"
import { duration, show } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

export const status = Command.make(
  "status",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const [health, facts] = yield* Effect.all([calls.health({}), calls.status({})], { concurrency: 2 })
    yield* show(json, { ...facts, health }, () => page(health, facts))
    const problems = health.checks.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]))
    if (problems.length > 0) {
      return yield* new CommandFailed({
        problem: "the gateway is not healthy",
        remedy: problems.join("; "),
        exitCode: ExitCode.failed,
      })
    }
  }),
).pipe(
  Command.withDescription("Print health and figures of a running gateway. Exits with 1 if a check fails."),
  Command.withShortDescription("Print health and figures of a running gateway."),
  Command.withExamples([
    { command: "causeway status", description: "The gateway on this machine" },
    {
      command: "causeway status --url wss://gateway.example.org/rpc --json",
      description: "Another gateway, for a program",
    },
  ]),
  Target.connected,
)

const page = (health: Health, { version, uptimeMs, position, runs, rssBytes, ...counts }: Status): string =>
  [
    `state        ${health.state}`,
    `version      ${version}`,
    `up           ${duration(uptimeMs)}`,
    `connections  ${counts.connections}`,
    `agents       ${counts.agents}`,
    `bindings     ${counts.bindings}`,
    `sessions     ${counts.sessions}`,
    `runs         ${runs.running} running, ${runs.waiting} waiting, ${runs.limit} at most`,
    `position     ${position.seq}`,
    `memory       ${Math.round(rssBytes / 1_000_000)} MB`,
  ].join("\n")
