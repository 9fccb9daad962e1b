/**
 * Flags: what several commands take alike. Words and defaults only; what a flag means to a command, the command knows.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Record from "effect/Record"

/** Text that may be left out. */
export const text = (name: string, description: string): Flag.Flag<Option.Option<string>> =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

export const config = text("config", "A YAML file with options; see docs/configuration.md.")

export const stateDir = text("state-dir", "The state folder of the gateway on this machine.")

export const json = Flag.Boolean("json").pipe(Flag.withDescription("Write JSON for programs."), Flag.withDefault(false))

export const yes = Flag.Boolean("yes").pipe(
  Flag.withDescription("Do not ask. Needed where nobody can answer."),
  Flag.withDefault(false),
)

/** The flags that were given, without those that were not: the payload of a call leaves out what is not said. */
export const given = <const Flags extends Readonly<Record<string, Option.Option<unknown>>>>(flags: Flags) =>
  Record.getSomes(flags) as { readonly [Name in keyof Flags]?: Option.Option.Value<Flags[Name]> }
