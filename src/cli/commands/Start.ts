/**
 * `causeway start`: runs the gateway. Its flags are the options in docs/configuration.md. It loads the gateway at the
 * start only, because the gateway has three times the size of the command line.
 */
import * as Command from "effect/cli/Command"
import type * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { configOptions } from "../config/ConfigOptions.ts"
import * as Flags from "../client/Flags.ts"

const defaultNote = (value: unknown): string => {
  if (value === undefined) return ""
  return Array.isArray(value) && value.length === 0 ? " Default: none." : ` Default: ${String(value)}.`
}

const flags: Record<string, Flag.Flag<Option.Option<string>>> = {
  config: Flags.config,
  ...Object.fromEntries(
    configOptions.flatMap(({ flag, description, default: value }) =>
      flag === undefined ? [] : [[flag, Flags.text(flag, `${description}${defaultNote(value)}`)]],
    ),
  ),
}

export const start = Command.make(
  "start",
  flags,
  Effect.fnUntraced(function* (flags) {
    const { serve } = yield* Effect.promise(() => import("../process/Serve.ts"))
    yield* serve(Flags.given(flags))
  }),
).pipe(
  Command.withDescription(
    "Start the gateway. It prints its address and commands to try. Logs go to standard error. SIGTERM and Ctrl-C stop it: open runs get time to finish, and the next start restarts the others. A second signal ends it at once.",
  ),
  Command.withShortDescription("Start the gateway."),
  Command.withExamples([
    { command: "causeway start", description: "Listen on 127.0.0.1:18789 with the state folder ~/.causeway" },
    {
      command: "causeway start --port 0 --state-dir ./state",
      description: "Use any free port and another state folder",
    },
  ]),
)
