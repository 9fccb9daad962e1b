/**
 * McpConnection: a connection to one MCP server, local or remote. A local server is a process group of its own that ends
 * with the scope, and also when the gateway is killed. McpServers opens connections.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { systemError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Client from "effect/ai/McpClient"
import { type McpServerSettings, secretsOf } from "../../domain/McpServer.ts"
import { shortened } from "../../domain/Text.ts"
import { VERSION } from "../../domain/Version.ts"
import { redact } from "../logs/Redaction.ts"
import { linesOf } from "../processes/Lines.ts"
import * as SupervisedProcess from "../processes/SupervisedProcess.ts"
import { resolvePath } from "../storage/StateFolder.ts"
import * as Trace from "../traces/Trace.ts"
import { messageIn, TOOLS_CHANGED } from "./McpMessages.ts"

/** The server is not there. The message says why, without secrets. */
export class McpUnavailable extends Schema.TaggedError<McpUnavailable>()("McpUnavailable", {
  message: Schema.String,
}) {}

export interface McpConnection {
  readonly client: Client.McpClient
  /** Emits when the tools of the server may have changed. */
  readonly changes: Stream.Stream<void>
  /** Returns when the connection has ended. A remote server has none: its next call fails. */
  readonly ended: Effect.Effect<McpUnavailable>
  /** Turns an error of the client into a sentence without secrets. */
  readonly explain: (error: unknown) => string
}

/** The longest message of a server. */
const MESSAGE_BYTES = 4 * 1_048_576

/** The time for the answer of a new server. `npx` may have to download it first. */
const START_TIMEOUT = "60 seconds"

/** The time in which a program exits that has closed its output. */
const EXIT_TIMEOUT = "1 second"

const PROBLEM_CHARS = 1_000

/** How often the gateway asks a remote server for its tools. The client has no stream for notifications of a server. */
const REMOTE_INTERVAL = "1 minute"

/** Loads the client with the first server, because it takes 40 ms. */
const load = Effect.promise(async () => {
  const [Client, Protocol] = await Promise.all([import("effect/ai/McpClient"), import("effect/ai/McpProtocol")])
  return { Client, protocol: Protocol.v2025_11_25 }
})

/** Makes the function that turns an error of the client into a sentence. */
const explainer = (settings: McpServerSettings) => {
  const secrets = secretsOf(settings).map(Redacted.value)
  return (error: unknown): string => shortened(redact(messageOf(error), secrets), PROBLEM_CHARS)
}

const messageOf = (error: unknown): string => {
  const reason = Predicate.hasProperty(error, "reason") ? error.reason : error
  if (Predicate.isTagged(reason, "HttpError") && Predicate.hasProperty(reason, "status")) {
    return `it answered with the HTTP status ${String(reason.status)}.`
  }
  if (Predicate.isTagged(reason, "TimeoutError")) return "it did not answer in time."
  return Predicate.hasProperty(reason, "message") ? String(reason.message) : String(reason)
}

/** Connects and initializes. Fails if the server does not start or does not answer within a minute. */
export const open = (settings: McpServerSettings): Effect.Effect<McpConnection, McpUnavailable, Scope.Scope> =>
  settings.command === undefined ? openRemote(settings) : openLocal(settings, settings.command)

const openRemote = Effect.fn("McpConnection.openRemote")(function* (settings: McpServerSettings) {
  const { Client, protocol } = yield* load
  const [NodeHttpClient, { HttpClient }, TracedClient] = yield* Effect.promise(() =>
    Promise.all([
      import("@effect/platform-node/NodeHttpClient"),
      import("effect/http/HttpClient"),
      import("../http/TracedClient.ts"),
    ]),
  )
  const explain = explainer(settings)
  const headers = Object.fromEntries(
    Object.entries(settings.headers).map(([name, value]) => [name, Redacted.value(value)]),
  )
  const transport = Client.http({ url: settings.url ?? "", protocol, headers, maxMessageBytes: MESSAGE_BYTES })
  const client = yield* Effect.flatMap(transport, (transport) =>
    Effect.provideService(clientOf(Client), Client.Transport, traced(transport)),
  ).pipe(
    Effect.updateService(HttpClient, TracedClient.traced),
    Effect.provide(NodeHttpClient.layerNodeHttp),
    Effect.mapError((error) => new McpUnavailable({ message: explain(error) })),
  )
  const changes = Stream.fromSchedule(Schedule.spaced(REMOTE_INTERVAL)).pipe(Stream.map(() => undefined))
  return { client, changes, ended: Effect.never, explain } satisfies McpConnection
})

const clientOf = (module: typeof Client) => module.make({ name: "causeway", version: VERSION, timeout: START_TIMEOUT })

/** Gives the trace of the run to the server, in the member of `_meta` that MCP reserves for it. */
const traced = (transport: Client.Transport): Client.Transport => ({
  ...transport,
  request: (message, tool) =>
    Effect.flatMap(message.method === "tools/call" ? Trace.outgoingText : Effect.undefined, (traceparent) => {
      if (traceparent === undefined) return transport.request(message, tool)
      const { _meta, ...params } = { _meta: {}, ...message.params }
      return transport.request({ ...message, params: { ...params, _meta: { ..._meta, traceparent } } }, tool)
    }),
})

const openLocal = Effect.fn("McpConnection.openLocal")(function* (settings: McpServerSettings, command: string) {
  const { Client, protocol } = yield* load
  const [{ make: makeCommand }, Spawner, NodeSink] = yield* Effect.promise(() =>
    Promise.all([
      import("effect/process/ChildProcess"),
      import("effect/process/ChildProcessSpawner"),
      import("@effect/platform-node/NodeSink"),
    ]),
  )
  const explain = explainer(settings)
  const changed = yield* Queue.sliding<void>(1)
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const { args, cwd = ".", env, inherit } = settings
  const process = yield* SupervisedProcess.start({ command, args, env, inherit, cwd: resolvePath(cwd) }).pipe(
    Scope.provide(scope),
    Effect.mapError(({ message }) => new McpUnavailable({ message: explain({ message }) })),
  )

  const handle = Spawner.makeHandle({
    pid: Spawner.ProcessId(process.pid),
    exitCode: Effect.map(process.exit, ({ code }) => Spawner.ExitCode(code ?? -1)),
    isRunning: Effect.sync(() => !process.hasExited()),
    kill: () => Scope.close(scope, Exit.void),
    stdin: NodeSink.fromWritable({ evaluate: () => process.stdin, onError: () => brokenPipe }),
    stdout: Stream.fromAsyncIterable(messagesOf(process, changed), () => brokenPipe).pipe(Stream.encodeText),
    stderr: Stream.empty,
    all: Stream.empty,
    getInputFd: () => NodeSink.fromWritable({ evaluate: () => process.stdin, onError: () => brokenPipe }),
    getOutputFd: () => Stream.empty,
    unref: Effect.succeed(Effect.void),
  })
  const ended = Effect.map(process.obituary, (text) => new McpUnavailable({ message: explain({ message: text }) }))
  const client = yield* Client.stdio({
    command: makeCommand(command, args),
    protocol,
    maxMessageBytes: MESSAGE_BYTES,
  }).pipe(
    Effect.flatMap((transport) => Effect.provideService(clientOf(Client), Client.Transport, traced(transport))),
    Effect.provideService(
      Spawner.ChildProcessSpawner,
      Spawner.make(() => Effect.succeed(handle)),
    ),
    // The last lines of a program that ended say more than the error of the client.
    Effect.catch((error) =>
      Effect.timeoutOrElse(Effect.flatMap(ended, Effect.fail), {
        duration: EXIT_TIMEOUT,
        orElse: () => Effect.fail(new McpUnavailable({ message: explain(error) })),
      }),
    ),
  )
  // Ends the program before the client waits for its end.
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  return { client, changes: Stream.fromQueue(changed), ended, explain } satisfies McpConnection
})

const brokenPipe = systemError({ _tag: "BadResource", module: "McpConnection", method: "stdio" })

/** Yields the messages of the program as lines. Other lines are kept for the failure. */
async function* messagesOf(
  { lastLines, stdout }: SupervisedProcess.SupervisedProcess,
  changed: Queue.Queue<void>,
): AsyncGenerator<string, void, void> {
  for await (const line of linesOf(stdout, MESSAGE_BYTES)) {
    const message = messageIn(line)
    if (message === undefined) lastLines.addLine(line)
    else if (message["method"] === TOOLS_CHANGED) Queue.offerUnsafe(changed, undefined)
    else yield `${JSON.stringify(message)}\n`
  }
}
