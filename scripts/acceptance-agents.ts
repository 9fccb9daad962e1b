/**
 * Tests foreign programs that agents of this gateway use, installed from the npm registry, with a fake model provider on this
 * machine: Qwen Code as a command-line agent, and server-everything as an MCP server. `npm run acceptance:agents` writes the
 * results to docs/compatibility.md and fails if a check fails. It needs the registry and takes about a minute.
 */
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Checks from "./acceptance/Checks.ts"
import * as FakeModel from "./acceptance/FakeModel.ts"
import { home, install, root } from "./acceptance/Installation.ts"
import { record } from "./acceptance/Report.ts"
import * as FakeProvider from "../test/support/FakeProvider.ts"
import { type GatewayProcess, start } from "../test/support/GatewayProcess.ts"
import { gone } from "../test/support/ProcessGroups.ts"

const { contains, equals } = Checks

const QWEN = "0.24.4"
const EVERYTHING = "2026.8.31"

const REPLY = "All is well."

/** Installs a package and returns the path of its program. */
const installed = (name: string, version: string, program: string): string => {
  const folder = join(root, `${name.split("/").at(-1)}-${version}`)
  install(folder, `${name}@${version}`)
  return join(folder, "node_modules/.bin", program)
}

/** The scenarios of the fake model. A request without tools asks for a title or the like. */
const script = (provider: FakeProvider.FakeProvider, folder: string) => {
  const file = join(folder, "note.txt")
  provider.script("fake", async (answer, { body, count, results }) => {
    const last = JSON.stringify(body.messages.at(-1))
    if (body["stream"] !== true) {
      const message = { role: "assistant", content: REPLY }
      const choice = { index: 0, message, finish_reason: "stop" }
      return answer.json(200, { id: "x", object: "chat.completion", model: "fake", choices: [choice] })
    }
    if (last.includes("wait for me")) {
      await answer.text("Waiting")
      return
    }
    if (last.includes("write a note") && results.length === 0) {
      await answer.tool(`call_${count}`, "write_file", JSON.stringify({ file_path: file, content: "noted\n" }))
      return answer.end("tools")
    }
    await answer.thinking("Let me see.")
    await answer.text(...REPLY.split(/(?= )/))
    return answer.end()
  })
  return file
}

/** Returns the ids of the processes of this machine whose command line contains the text. */
const processesOf = (text: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, "utf8").includes(text)
      } catch {
        return false
      }
    })
    .map(Number)

const qwenCode = Effect.fnUntraced(function* (command: string) {
  const folder = home()
  const work = join(folder, "work")
  mkdirSync(work)
  const provider = yield* FakeProvider.make
  const file = script(provider, work)
  const config = join(folder, "causeway.yaml")
  const configure = (edit: "allow" | "deny") =>
    writeFileSync(
      config,
      JSON.stringify({
        runtime: "acp/qwen",
        acp: {
          qwen: {
            command,
            args: ["--acp", "--approval-mode", "default"],
            env: {
              HOME: folder,
              OPENAI_API_KEY: "key",
              OPENAI_BASE_URL: provider.baseUrl.openai,
              OPENAI_MODEL: "fake",
            },
            cwd: work,
            permissions: { edit },
          },
        },
      }),
    )
  const startGateway = start({ stateDir: join(folder, "state"), args: ["--config", config] })
  const send = ({ cli }: GatewayProcess, text: string) =>
    Effect.map(cli("send", text, "--session", "acceptance"), ({ stderr, stdout }) => stdout + stderr)

  const { check, checks } = Checks.make()

  configure("deny")
  const first = yield* startGateway
  yield* check(
    "answers a message",
    Effect.flatMap(send(first, "hello"), (output) => contains(output, REPLY)),
  )
  yield* check(
    "does not edit a file without permission",
    Effect.andThen(
      send(first, "write a note"),
      Effect.suspend(() => (existsSync(file) ? Effect.die(new Error("the file exists")) : Effect.void)),
    ),
  )
  yield* check(
    "shows the refused call in the transcript",
    Effect.flatMap(first.cli("call", "sessions.history", '{"key":"acceptance"}'), ({ stdout }) =>
      contains(stdout, "Denied"),
    ),
  )
  const processes = processesOf(command)
  first.signal("SIGKILL")
  yield* first.exit
  yield* check(
    "leaves no process behind when the gateway is killed",
    processes.length === 0 ? Effect.die(new Error("no process found")) : Effect.forEach(processes, gone),
  )
  configure("allow")
  const second = yield* startGateway
  yield* check(
    "continues its own session after a restart",
    Effect.flatMap(send(second, "what did I say first?"), (output) =>
      Effect.andThen(
        contains(output, REPLY),
        contains(JSON.stringify(provider.requests.at(-1)?.body.messages), "hello"),
      ),
    ),
  )
  yield* check(
    "edits a file with permission",
    Effect.andThen(
      send(second, "write a note"),
      Effect.suspend(() => contains(existsSync(file) ? readFileSync(file, "utf8") : "no file", "noted")),
    ),
  )
  yield* check(
    "stops when the run is aborted",
    Effect.gen(function* () {
      const sending = yield* second.open("send", "wait for me", "--session", "acceptance")
      yield* sending.prints("Waiting")
      const request = provider.requests.at(-1)
      sending.signal("SIGINT")
      yield* sending.exit
      yield* equals(yield* Effect.promise(async () => request?.closed), "closed")
    }),
  )
  return checks
})

const serverEverything = Effect.fnUntraced(function* (command: string) {
  const folder = home()
  const provider = yield* FakeProvider.make
  provider.script("fake", FakeModel.answers)
  const config = join(folder, "causeway.yaml")
  writeFileSync(
    config,
    JSON.stringify({
      model: "local/fake",
      providers: { local: { kind: "openai", baseUrl: provider.baseUrl.openai, models: ["fake"] } },
      mcp: { everything: { command, args: ["stdio"] } },
    }),
  )
  const { check, checks } = Checks.make()
  const gateway = yield* start({ stateDir: join(folder, "state"), args: ["--config", config] })
  const { cli, exit, signal } = gateway
  const output = (...args: ReadonlyArray<string>) => Effect.map(cli(...args), ({ stderr, stdout }) => stdout + stderr)
  const answers = (message: string, part: string) =>
    Effect.flatMap(output("send", message), (text) => contains(text, part))
  yield* check("adds its tools", Checks.listed(gateway, "everything_echo"))
  yield* check("a run calls a tool", answers('everything_echo {"message":"hello"}', "Echo: hello"))
  yield* check("a run calls a tool with numbers", answers('everything_get-sum {"a":2,"b":3}', "5"))
  yield* check("a run reads the problem of a wrong call", answers('everything_echo {"message":1}', "nvalid"))
  const processes = processesOf(command)
  signal("SIGKILL")
  yield* exit
  yield* check(
    "leaves no process behind when the gateway is killed",
    processes.length === 0 ? Effect.die(new Error("no process found")) : Effect.forEach(processes, gone),
  )
  return checks
})

const qwen = installed("@qwen-code/qwen-code", QWEN, "qwen")
const everything = installed("@modelcontextprotocol/server-everything", EVERYTHING, "mcp-server-everything")
const results = [
  await Checks.run(`Qwen Code ${QWEN}`, qwenCode(qwen)),
  await Checks.run(`server-everything ${EVERYTHING}, MCP server`, serverEverything(everything)),
]
record(
  "agents",
  results.map(({ program }) => program),
  results,
)
