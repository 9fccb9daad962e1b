/**
 * Confirm: asks for confirmation before a change that cannot be undone. Without a terminal the change needs `--yes`. The
 * commands that remove or replace things use it.
 */
import * as Prompt from "effect/cli/Prompt"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import { line } from "../../domain/Printable.ts"
import { CommandFailed, ExitCode, usageError } from "./ExitCode.ts"

/** `effect` follows "This": "removes the session work and its 12 messages". */
export const confirm = Effect.fn("confirm")(function* (effect: string, yes: boolean) {
  if (yes) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt) return yield* usageError(`this ${effect}`, "confirm it with --yes")
  const isConfirmed = yield* Prompt.run(Prompt.Confirm({ message: `This ${line(effect)}. Continue?` }))
  if (!isConfirmed) {
    return yield* new CommandFailed({
      problem: "not confirmed",
      remedy: "nothing was changed",
      exitCode: ExitCode.failed,
    })
  }
})
