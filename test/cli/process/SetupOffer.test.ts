import { describe, expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import { offer } from "../../../src/cli/process/SetupOffer.ts"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const KEYS = { OPENAI_API_KEY: "sk-x" }

/** Offers the setup at a terminal at which nobody sits. */
const offered = Effect.fnUntraced(function* (options: GatewayOptions, environment: Record<string, string> = KEYS) {
  const asked = yield* Deferred.make<void>()
  const terminal = Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    size: Queue.unbounded<Terminal.Size>(),
    readInput: Queue.unbounded<Terminal.UserInput>(),
    readLine: Effect.never,
    display: () => Effect.asVoid(Deferred.succeed(asked, undefined)),
  })
  const stateDir = join(yield* temporaryFolder, "state")
  const settings = yield* Schema.decodeEffect(GatewaySettings)({ stateDir, ...options })
  const result = yield* offer({}, environment, settings).pipe(
    Effect.provideService(Terminal.Terminal, terminal),
    Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
      canPrompt: true,
      canColor: false,
      canAnimate: false,
    }),
    Effect.provide(NodeServices.layer),
    Effect.forkScoped,
  )
  return { asked: Deferred.await(asked), result: Fiber.join(result), settings }
})

describe("SetupOffer.offer", () => {
  it.effect("A question that nobody answers ends after a minute, and the gateway starts as it is.", () =>
    Effect.gen(function* () {
      const { asked, result, settings } = yield* offered({})
      yield* asked
      yield* TestClock.adjust("1 minute")
      expect(yield* result).toBe(settings)
    }),
  )

  it.effect("A configuration with a provider, an agent, a model or a runtime needs no question.", () =>
    Effect.gen(function* () {
      const configured: ReadonlyArray<GatewayOptions> = [
        { providers: { mine: {} } },
        { acp: { qwen: { command: "qwen" } } },
        { model: "mine/model" },
        { runtime: "mine" },
      ]
      for (const options of configured) {
        const { result, settings } = yield* offered(options)
        expect(yield* result).toBe(settings)
      }
    }),
  )

  it.effect("A supervisor gets no question.", () =>
    Effect.gen(function* () {
      const supervised: ReadonlyArray<Record<string, string>> = [
        { NOTIFY_SOCKET: "/run/notify" },
        { SYSTEMD_EXEC_PID: String(process.pid) },
        { pm_id: "0" },
        { CI: "true" },
      ]
      for (const variables of supervised) {
        const { result, settings } = yield* offered({}, { ...KEYS, ...variables })
        expect(yield* result).toBe(settings)
      }
      const { result, settings } = yield* offered({ restartExpectedMs: 1_000 })
      expect(yield* result).toBe(settings)
    }),
  )
})
