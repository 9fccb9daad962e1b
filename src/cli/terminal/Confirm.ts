/**
 * Confirm: asks at a terminal before a change that cannot be taken back. Without a terminal the change needs `--yes`.
 */
import * as Prompt from "effect/cli/Prompt"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import { line } from "../../domain/Printable.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"

/** `what` follows "This": "removes the session work and its 12 messages". */
export const confirm = Effect.fn("confirm")(function* (what: string, yes: boolean) {
  if (yes) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt) {
    return yield* new CommandFailed({
      problem: `this ${what}`,
      remedy: "say that you mean it by --yes",
      exitCode: ExitCode.usage,
    })
  }
  const meant = yield* Prompt.run(Prompt.Confirm({ message: `This ${line(what)}. Go on?` }))
  if (!meant) {
    return yield* new CommandFailed({ problem: "not confirmed", remedy: "nothing was done", exitCode: ExitCode.failed })
  }
})
