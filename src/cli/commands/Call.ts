/**
 * `causeway call`: calls any method of the contract, including those that stream. docs/protocol/methods.md lists them.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { usageError } from "../terminal/ExitCode.ts"
import { problemsOf } from "../terminal/Failure.ts"
import * as Flags from "../client/Flags.ts"
import { didYouMean } from "../../domain/Suggestions.ts"
import * as Output from "../terminal/Output.ts"
import { standardInput } from "../terminal/StandardInput.ts"
import * as Target from "../client/Target.ts"
import { Writer } from "../terminal/Writer.ts"

export const call = Command.make(
  "call",
  {
    method: Argument.String("method").pipe(Argument.withDescription("The name of the method, e.g. sessions.list.")),
    payload: Argument.String("payload").pipe(
      Argument.withDescription("The parameters as JSON; - reads them from standard input. Default: {}."),
      Argument.withDefault("{}"),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ json, method, payload }) {
    const { calls } = yield* GatewayClient
    const { isTerminal } = yield* Writer
    const indent = !json && isTerminal("stdout") ? 2 : 0
    const { methodCodecs } = yield* Effect.promise(() => import("../../transport/dialect/MethodCodecs.ts"))
    const codec = methodCodecs.get(method)
    if (codec === undefined) {
      return yield* usageError(
        `unknown method "${method}"`,
        didYouMean(method, methodCodecs.keys()) ?? "see docs/protocol/methods.md for the methods",
      )
    }
    const text = payload === "-" ? yield* standardInput : payload
    const given = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => usageError("the parameters are not JSON", `write e.g. causeway call ${method} '{}'`),
    })
    const decoded = yield* Effect.mapError(codec.decode(given), ({ issue }) =>
      usageError(`invalid parameters of ${method}`, problemsOf(issue)),
    )
    // The compiler cannot match the payload to the method. The codec has checked it.
    const result = (calls as Readonly<Record<string, Call>>)[method]!(decoded)
    const values = Stream.isStream(result) ? result : Stream.fromEffect(result)
    yield* values.pipe(
      Stream.mapEffect((value) => Effect.orDie(codec.encodeValue(value))),
      Stream.runForEach((value) => Output.json([value], Stream.isStream(result) ? 0 : indent)),
    )
  }),
).pipe(
  Command.withDescription(
    "Call any method of the gateway and print its result as JSON. A method that streams prints one line for each value. docs/protocol/methods.md lists the methods with their parameters and results.",
  ),
  Command.withShortDescription("Call any method of the gateway."),
  Command.withExamples([
    { command: "causeway call models.list", description: "List the models for agents" },
    {
      command: `causeway call sessions.patch '{"key":"work","label":"Work"}'`,
      description: "Set the label of a session",
    },
    {
      command: `causeway call chat.stream '{"text":"hello"}'`,
      description: "Send a message and print each event on a line",
    },
  ]),
  Target.connected,
)

type Call = (payload: unknown) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>
