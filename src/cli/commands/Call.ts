/**
 * `causeway call`: any method of the contract, as docs/protocol/methods.md lists them, those that stream too. It knows
 * none of them.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { problemsOf } from "../terminal/Failure.ts"
import * as Flags from "../client/Flags.ts"
import { nearest } from "../terminal/Suggestions.ts"
import * as Output from "../terminal/Output.ts"
import { standardInput } from "../terminal/StandardInput.ts"
import * as Target from "../client/Target.ts"
import { Writer } from "../terminal/Writer.ts"

export const call = Command.make(
  "call",
  {
    method: Argument.String("method").pipe(Argument.withDescription("Its name, e.g. sessions.list.")),
    payload: Argument.String("payload").pipe(
      Argument.withDescription("What it takes, as JSON; - reads it from standard input. Left out: {}."),
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
      const near = nearest(method, methodCodecs.keys())
      return yield* wrong(
        `there is no method ${method}`,
        near.length === 0 ? "docs/protocol/methods.md lists those there are" : `near it are ${near.join(", ")}`,
      )
    }
    const written = payload === "-" ? yield* standardInput : payload
    const given = yield* Effect.try({
      try: (): unknown => JSON.parse(written),
      catch: () => wrong("what is given is no JSON", `write e.g. causeway call ${method} '{}'`),
    })
    const decoded = yield* Effect.mapError(codec.decode(given), ({ issue }) =>
      wrong(`${method} does not take that`, problemsOf(issue)),
    )
    // Which payload goes with which method the compiler cannot know: the codec has looked at it.
    const answer = (calls as Readonly<Record<string, Call>>)[method]!(decoded)
    const answers = Stream.isStream(answer) ? answer : Stream.fromEffect(answer)
    yield* answers.pipe(
      Stream.mapEffect((value) => Effect.orDie(codec.encodeValue(value))),
      Stream.runForEach((value) => Output.json([value], Stream.isStream(answer) ? 0 : indent)),
    )
  }),
).pipe(
  Command.withDescription(
    "Call any method of the gateway and write its answer as JSON; what a method streams comes as a line for each. docs/protocol/methods.md lists the methods with what they take and give.",
  ),
  Command.withShortDescription("Call any method of the gateway."),
  Command.withExamples([
    { command: "causeway call models.list", description: "The models that agents can use" },
    { command: `causeway call sessions.patch '{"key":"work","label":"Work"}'`, description: "Name a session" },
    { command: `causeway call chat.stream '{"text":"hello"}'`, description: "A streamed send, each event as a line" },
  ]),
  Target.connected,
)

type Call = (payload: unknown) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

const wrong = (problem: string, remedy: string) => new CommandFailed({ problem, remedy, exitCode: ExitCode.usage })
