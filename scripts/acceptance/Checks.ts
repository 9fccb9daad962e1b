/** Checks of a foreign program, in the order in which they run. The acceptance tests use them. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GatewayProcess } from "../../test/support/GatewayProcess.ts"
import { type Check, type Result, say, sayCheck } from "./Report.ts"

/** Makes a list of checks, and the function that runs a check, prints it and adds it to the list. */
export const make = () => {
  const checks: Array<Check> = []
  const check = <A, E, R>(name: string, run: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
    Effect.exit(Effect.timeout(run, "4 minutes")).pipe(
      Effect.map((exit) => {
        const problem = exit._tag === "Success" ? undefined : Cause.pretty(exit.cause)
        const ended = { name, problem }
        sayCheck(ended)
        checks.push(ended)
      }),
    )
  return { checks, check }
}

/** Prints the name of a program, and runs its checks. */
export const run = async (
  program: string,
  checks: Effect.Effect<ReadonlyArray<Check>, never, Scope.Scope>,
): Promise<Result> => {
  say(`\n${program}`)
  return { program, checks: await Effect.runPromise(Effect.scoped(checks)) }
}

/** Dies with both texts if the first does not contain the second, or does not match it. */
export const contains = (text: string, part: string | RegExp): Effect.Effect<void> =>
  (typeof part === "string" ? text.includes(part) : part.test(text))
    ? Effect.void
    : Effect.die(new Error(`no ${typeof part === "string" ? `"${part}"` : part} in: ${text.slice(-2_000)}`))

/** Dies with the value if it is not the expected one. */
export const equals = (value: unknown, expected: unknown): Effect.Effect<void> =>
  JSON.stringify(value) === JSON.stringify(expected)
    ? Effect.void
    : Effect.die(new Error(`${JSON.stringify(value)} is not ${JSON.stringify(expected)}`))

/** Repeats the call until its value is accepted, and returns the value. */
export const until = <A>(call: () => Promise<A>, accepts: (value: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(Effect.promise(call), (value) =>
    accepts(value) ? Effect.succeed(value) : Effect.andThen(Effect.sleep("200 millis"), until(call, accepts)),
  )

/** Waits until the gateway lists the tool. */
export const listed = (gateway: GatewayProcess, tool: string): Effect.Effect<void> =>
  Effect.flatMap(gateway.cli("tools"), ({ stdout }) =>
    stdout.includes(tool) ? Effect.void : Effect.andThen(Effect.sleep("100 millis"), listed(gateway, tool)),
  )
