/**
 * `causeway start`: its flags, which are the options that docs/configuration.md lists. The gateway itself, three times
 * the size of the rest, is loaded when it is started.
 */
import * as Command from "effect/cli/Command"
import type * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { configOptions } from "../config/ConfigOptions.ts"
import * as Flags from "../client/Flags.ts"

const inWords = (value: unknown): string => {
  if (value === undefined) return ""
  return Array.isArray(value) && value.length === 0 ? " Default: none." : ` Default: ${String(value)}.`
}

const flags: Record<string, Flag.Flag<Option.Option<string>>> = {
  config: Flags.config,
  ...Object.fromEntries(
    configOptions.flatMap(({ flag, description, default: value }) =>
      flag === undefined ? [] : [[flag, Flags.text(flag, `${description}${inWords(value)}`)]],
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
    "Start the gateway. It prints its address and what to try next; logs go to standard error. SIGTERM and Ctrl-C stop it: running work gets time to finish, what is left goes on at the next start. A second signal ends it at once.",
  ),
  Command.withShortDescription("Start the gateway."),
  Command.withExamples([
    { command: "causeway start", description: "Listen on 127.0.0.1:18789, keep everything in ~/.causeway" },
    { command: "causeway start --port 0 --state-dir ./state", description: "Any free port, another state folder" },
  ]),
)
