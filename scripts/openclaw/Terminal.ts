/**
 * Tests OpenClaw's terminal UI in a pseudo-terminal: it connects, shows the session, sends a message and shows the reply.
 * The other tests of OpenClaw's clients open it with this module.
 */
import * as Effect from "effect/Effect"
import type { GatewayProcess } from "../../test/support/GatewayProcess.ts"
import * as Terminal from "../../test/support/Terminal.ts"
import * as Checks from "../acceptance/Checks.ts"
import { home } from "../acceptance/Installation.ts"
import { wsUrl } from "./CommandLine.ts"
import { echoing } from "./Gateways.ts"
import type { Installed } from "./Installations.ts"

/** Starts `openclaw tui` and waits until it is connected. */
export const openTerminal = Effect.fnUntraced(function* ({ entry }: Installed, gateway: GatewayProcess) {
  const env = { HOME: home(), TERM: "xterm-256color", COLUMNS: "120", LINES: "40" }
  const tui = yield* Terminal.program(entry, ["tui", "--url", wsUrl(gateway), "--token", gateway.token], env)
  yield* tui.shows(/connected \| idle/)
  return tui
})

export const terminal = Effect.fnUntraced(function* (installed: Installed) {
  const { check, checks } = Checks.make()
  const opened = openTerminal(installed, yield* echoing)
  yield* check("openclaw tui: connects and shows the session", Effect.scoped(opened))
  yield* check(
    "openclaw tui: sends a message and shows the reply",
    Effect.scoped(
      Effect.flatMap(opened, ({ shows, type }) => {
        type("hello from the terminal\r")
        return shows("echo: hello from the terminal")
      }),
    ),
  )
  return checks
})
