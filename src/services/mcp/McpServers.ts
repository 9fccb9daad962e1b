/**
 * McpServers: keeps a connection to every MCP server of the configuration, and their tools in the registry. A server that
 * ends, fails or cannot be reached costs its own tools only, and the gateway tries again after growing pauses. Gateway.ts
 * uses the layer, and ConfigReload replaces the servers.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { type McpServerSettings, secretsOf } from "../../domain/McpServer.ts"
import { Logs } from "../logs/Logs.ts"
import { type SetSourceState, Tools } from "../tools/Tools.ts"
import * as McpConnection from "./McpConnection.ts"
import { MAX_TOOLS, sourceOf, toAgentTool } from "./McpTools.ts"

/** The pause after the first failure. Each further failure doubles it. */
const FIRST_PAUSE_MS = 1_000

const LONGEST_PAUSE_MS = 60_000

/** A connection that was up for this time starts with the first pause again. */
const STABLE_MS = Duration.toMillis(Duration.minutes(1))

export class McpServers extends Context.Service<
  McpServers,
  {
    /**
     * Takes over the servers of a reloaded configuration: ends those that are gone, restarts those that have changed, and
     * starts the new ones. A call of a tool of a server that ends fails.
     */
    replace(servers: GatewaySettings["mcp"]): Effect.Effect<void>
  }
>()("causeway/services/mcp/McpServers") {
  static readonly layer: Layer.Layer<McpServers, never, GatewayConfig | Logs | Tools> = Layer.effect(
    McpServers,
    Effect.gen(function* () {
      const logs = yield* Logs
      const scope = yield* Effect.scope
      const context = yield* Effect.context<Tools>()
      const kept = new Map<string, { readonly settings: McpServerSettings; readonly scope: Scope.Closeable }>()

      const start = Effect.fnUntraced(function* (name: string, settings: McpServerSettings) {
        for (const secret of secretsOf(settings)) logs.hide(secret)
        const ofServer = yield* Scope.fork(scope)
        kept.set(name, { settings, scope: ofServer })
        yield* keep(name, settings).pipe(
          Effect.annotateLogs("source", sourceOf(name)),
          Effect.provideContext(context),
          Effect.forkIn(ofServer),
        )
      })

      const replace = Effect.fn("McpServers.replace")(function* (servers: GatewaySettings["mcp"]) {
        const ended = [...kept].filter(([name, { settings }]) => !Equal.equals(servers[name], settings))
        for (const [name] of ended) kept.delete(name)
        yield* Effect.forEach(ended, ([, { scope }]) => Scope.close(scope, Exit.void), { concurrency: "unbounded" })
        for (const [name, settings] of Object.entries(servers)) if (!kept.has(name)) yield* start(name, settings)
      }, Effect.uninterruptible)

      yield* replace((yield* GatewayConfig).mcp)
      return McpServers.of({ replace })
    }),
  )
}

/** Connects to the server, and again after each end of the connection, until it is interrupted. */
const keep = Effect.fnUntraced(function* (name: string, settings: McpServerSettings) {
  const tools = yield* Tools
  const setState = yield* tools.addSource(sourceOf(name))
  let pause = FIRST_PAUSE_MS
  while (true) {
    const began = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(Effect.scoped(serve(name, settings, setState)))
    const problem = yield* problemOf(exit)
    setState("failed", problem)
    if ((yield* Clock.currentTimeMillis) - began >= STABLE_MS) pause = FIRST_PAUSE_MS
    yield* Effect.logWarning(`The MCP server "${name}" is not there. The gateway tries again in ${pause} ms.`, problem)
    yield* Effect.sleep(pause)
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    setState("starting")
  }
}, Effect.scoped)

const problemOf = (exit: Exit.Exit<never, McpConnection.McpUnavailable>): Effect.Effect<string> => {
  const failure = Exit.findErrorOption(exit)
  if (failure._tag === "Some") return Effect.succeed(failure.value.message)
  return Effect.as(
    Effect.logError("The connection to an MCP server died", Exit.isFailure(exit) ? exit.cause : ""),
    "An internal error of the gateway. Its log has the details.",
  )
}

/** Adds the server's tools and follows their changes. Fails when the connection ends. */
const serve = Effect.fnUntraced(function* (name: string, settings: McpServerSettings, setState: SetSourceState) {
  const { changes, client, ended, explain } = yield* McpConnection.open(settings)
  const replace = yield* makeReplace(name, settings, { client, explain })
  yield* replace
  setState("ready")
  yield* Effect.raceFirst(
    Effect.flatMap(ended, Effect.fail),
    Stream.runForEach(changes, () => replace),
  )
  return yield* new McpConnection.McpUnavailable({ message: "The connection ended." })
})

/** Makes the Effect that replaces the tools in the registry by those that the server has now. */
const makeReplace = Effect.fnUntraced(function* (
  name: string,
  settings: McpServerSettings,
  { client, explain }: Pick<McpConnection.McpConnection, "client" | "explain">,
) {
  const tools = yield* Tools
  let present = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(present, exit))

  const leftOut = (tool: string, reason: string) => Effect.logWarning(`Leaves out the tool "${tool}": ${reason}`)

  return Effect.gen(function* () {
    const listed = yield* Effect.mapError(
      client.listTools(),
      (error) => new McpConnection.McpUnavailable({ message: explain(error) }),
    )
    if (listed.length > MAX_TOOLS)
      yield* leftOut("...", `the server has ${listed.length} tools, and ${MAX_TOOLS} is the limit`)
    yield* Scope.close(present, Exit.void)
    present = yield* Scope.make()
    for (const tool of listed.slice(0, MAX_TOOLS)) {
      const made = toAgentTool(name, tool, client, settings, explain)
      if (made === undefined) yield* leftOut(tool.name, "its input schema is too large")
      else {
        yield* tools.add(made).pipe(
          Scope.provide(present),
          Effect.catch(({ message }) => leftOut(tool.name, message)),
        )
      }
    }
  })
})
