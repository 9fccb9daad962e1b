import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { McpServers as Servers } from "../../../src/domain/McpServer.ts"
import { McpServers } from "../../../src/services/mcp/McpServers.ts"
import * as Trace from "../../../src/services/traces/Trace.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { hasFailed, hasTool, isReady, layer, program, sourceOf, until } from "../../support/McpServers.ts"
import { gone, isAlive } from "../../support/ProcessGroups.ts"
import { callTool } from "../../support/ToolCalls.ts"

describe("McpServers.replace", () => {
  it.live("It ends servers that are gone, restarts changed ones, starts new ones, and leaves the others alone.", () =>
    Effect.gen(function* () {
      const isUp = (...names: ReadonlyArray<string>) => until((tools) => names.every((name) => isReady(name)(tools)))
      const pid = (name: string) => Effect.map(callTool(`${name}_pid`, {}), ({ text }) => Number(text))
      const decode = Schema.decodeUnknownSync(Servers)
      yield* isUp("kept", "changed", "gone")
      const before = [yield* pid("kept"), yield* pid("changed"), yield* pid("gone")] as const
      const servers = yield* McpServers
      yield* servers.replace(decode({ kept: program(), changed: program({ permission: "ask" }), added: program() }))
      expect(before.map(isAlive)).toEqual([true, false, false])
      const tools = yield* isUp("kept", "changed", "added")
      expect(sourceOf(tools, "gone")).toBeUndefined()
      expect(tools.all().some(({ name }) => name.startsWith("gone_"))).toBe(false)
      expect(tools.all().find(({ name }) => name === "changed_echo")?.permission).toBe("ask")
      expect(yield* pid("kept")).toBe(before[0])
    }).pipe(Effect.provide(layer({ kept: program(), changed: program(), gone: program() }))),
  )
})

describe("A local MCP server", () => {
  it.live("Its tools are in the registry under its name, with the permission of the configuration.", () =>
    Effect.gen(function* () {
      const tools = yield* until(isReady("files"))
      expect(tools.all().map(({ name }) => name)).toContain("files_odd_name_")
      const echo = tools.all().find(({ name }) => name === "files_echo")
      expect(echo).toMatchObject({ source: "mcp/files", permission: "ask", description: "The tool echo." })
      expect(echo?.parameters()).toMatchObject({ type: "object", properties: { text: { type: "string" } } })
    }).pipe(Effect.provide(layer({ files: program({ permission: "ask" }) }))),
  )

  it.live("A call gives its arguments and returns the text, and an error of the tool is a failed result.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      expect(yield* callTool("files_echo", { text: "hi" })).toEqual({ text: '{"text":"hi"}', isError: false })
      expect(yield* callTool("files_fail", {})).toEqual({ text: "It failed.", isError: true })
      expect((yield* callTool("files_echo", "no object")).text).toContain("must be a JSON object")
    }).pipe(Effect.provide(layer({ files: program() }))),
  )

  it.live("A call names the trace of the run, and a call without a trace names none.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      const call = Effect.map(callTool("files_trace", {}), ({ text }) => text)
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      expect(yield* Trace.within(call, traceparent)).toBe(traceparent)
      expect(yield* call).toBe("undefined")
    }).pipe(Effect.provide(layer({ files: program() }))),
  )

  it.live("Images and binary resources of a result are files.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      expect(yield* callTool("files_picture", {})).toEqual({
        text: "Here it is.\n[image image/png]\n[binary resource file:///a/data.bin]",
        files: [
          { name: "file.png", type: "image/png", bytes: new Uint8Array(Buffer.from("iVBORw0KGgo=", "base64")) },
          { name: "data.bin", type: "application/octet-stream", bytes: new Uint8Array([0, 1]) },
        ],
        isError: false,
      })
    }).pipe(Effect.provide(layer({ files: program() }))),
  )

  it.live("Lines on its standard output that are no messages do not end the connection.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      expect(yield* callTool("files_noise", {})).toEqual({ text: "after the noise", isError: false })
      expect(yield* callTool("files_echo", {})).toEqual({ text: "{}", isError: false })
    }).pipe(Effect.provide(layer({ files: program() }))),
  )

  it.live("A changed list of tools changes the registry.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      yield* callTool("files_grow", {})
      yield* until(hasTool("files_grown"))
      expect((yield* callTool("files_grown", {})).isError).toBe(false)
    }).pipe(Effect.provide(layer({ files: program() }))),
  )

  it.live("A call that hangs fails after its time, and the next one works.", () =>
    Effect.gen(function* () {
      yield* until(isReady("files"))
      const { isError, text } = yield* callTool("files_hang", {})
      expect(isError).toBe(true)
      expect(text).toContain("did not answer within 2000 ms")
      expect((yield* callTool("files_echo", {})).isError).toBe(false)
    }).pipe(Effect.provide(layer({ files: program({ timeoutMs: 2_000 }) }))),
  )

  it.live("A server that dies costs the call and its own tools, and starts again.", () =>
    Effect.gen(function* () {
      yield* until((tools) => isReady("files")(tools) && isReady("other")(tools))
      const crashed = yield* callTool("files_crash", {})
      expect(crashed.isError).toBe(true)
      const tools = yield* until(hasFailed("files"))
      expect(hasTool("files_echo")(tools)).toBe(false)
      const problem = sourceOf(tools, "files")?.problem
      expect(problem).toContain("exited with code 7")
      expect(problem).toContain("out of memory")
      expect((yield* callTool("other_echo", {})).isError).toBe(false)
      yield* until(isReady("files"))
      expect((yield* callTool("files_echo", {})).isError).toBe(false)
    }).pipe(Effect.provide(layer({ files: program(), other: program() }))),
  )

  it.live("A server that cannot start says why, without its secrets.", () =>
    Effect.gen(function* () {
      const tools = yield* until((tools) => hasFailed("broken")(tools) && hasFailed("missing")(tools))
      expect(sourceOf(tools, "broken")?.problem).toContain("cannot open the database with <redacted>")
      expect(sourceOf(tools, "missing")?.problem).toContain("was not found")
    }).pipe(
      Effect.provide(
        layer({
          broken: program({ env: { PASSWORD: "hunter2-secret" } }, "--broken"),
          missing: { command: "no-such-program-here" },
        }),
      ),
    ),
  )

  it.live("The program gets its own variables, and none of the gateway's secrets.", () => {
    process.env["GATEWAY_TOKEN_OF_THE_TEST"] = "secret"
    return Effect.gen(function* () {
      yield* until(isReady("files"))
      const { text } = yield* callTool("files_variables", {})
      expect(text.split(" ")).toEqual(expect.arrayContaining(["OWN", "PATH"]))
      expect(text).not.toContain("GATEWAY_TOKEN_OF_THE_TEST")
    }).pipe(
      Effect.provide(layer({ files: program({ env: { OWN: "1" } }) })),
      Effect.ensuring(Effect.sync(() => void delete process.env["GATEWAY_TOKEN_OF_THE_TEST"])),
    )
  })

  it.live("The program and its children end with the scope, even if it ignores SIGTERM and the end of its input.", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "pids")
      const scope = yield* Scope.make()
      const mcp = layer({ files: program({}, "--stubborn", "--children", file) })
      const context = yield* Scope.provide(Layer.build(mcp), scope)
      yield* Effect.provideContext(until(isReady("files")), context)
      const pids = readFileSync(file, "utf8").split(" ").map(Number)
      expect(pids.map(isAlive)).toEqual([true, true])
      yield* Scope.close(scope, Exit.void)
      yield* Effect.forEach(pids, gone)
    }),
  )
})
