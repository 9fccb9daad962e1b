/**
 * Flags: the flags that several commands share, with their help texts and defaults.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Record from "effect/Record"

/** Returns an optional text flag. */
export const text = (name: string, description: string): Flag.Flag<Option.Option<string>> =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

/** Returns an optional flag with one of some values. */
export const oneOf = <const Values extends ReadonlyArray<string>>(name: string, values: Values, description: string) =>
  Flag.Literals(name, values).pipe(Flag.withDescription(description), Flag.optional)

/** Returns a text flag for a list, to which each use adds an entry. One empty text stands for the empty list. */
export const list = (name: string, description: string, max: number) =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.between(0, max),
    Flag.map((entries) =>
      entries.length === 0 ? Option.none() : Option.some(entries.filter((entry) => entry !== "")),
    ),
  )

export const config = text("config", "The YAML file with the options (docs/configuration.md).")

export const stateDir = text("state-dir", "The state folder of the gateway on this machine.")

export const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON for programs."), Flag.withDefault(false))

export const yes = Flag.Boolean("yes").pipe(
  Flag.withDescription("Skip the confirmation. Required without a terminal."),
  Flag.withDefault(false),
)

/** For commands that choose from a list. */
export const first = Flag.Boolean("yes").pipe(
  Flag.withDescription("Choose the first that downloads nothing. Asks nothing."),
  Flag.withDefault(false),
)

/** Returns the values of the flags that the user set. The payload of a call leaves out the others. */
export const given = <const Flags extends Readonly<Record<string, Option.Option<unknown>>>>(flags: Flags) =>
  Record.getSomes(flags) as { readonly [Name in keyof Flags]?: Option.Option.Value<Flags[Name]> }
