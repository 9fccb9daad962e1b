/**
 * Tests a real command-line agent as runtime of this gateway: Qwen Code, installed from the npm registry, with a fake model
 * provider on this machine. `npm run acceptance:agents` writes the results to docs/compatibility.md and fails if a check
 * fails. It needs the registry and takes about a minute.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { home, install, root } from "./acceptance/Installation.ts"
import { type Check, record, report } from "./acceptance/Report.ts"
import * as FakeProvider from "../test/support/FakeProvider.ts"
import { type GatewayProcess, start } from "../test/support/GatewayProcess.ts"
import { gone } from "../test/support/ProcessGroups.ts"

const QWEN = "0.24.4"

const REPLY = "All is well."

const installed = (): string => {
  const folder = join(root, `qwen-code-${QWEN}`)
  install(folder, `@qwen-code/qwen-code@${QWEN}`)
  return join(folder, "node_modules/.bin/qwen")
}

/** Fails with both texts if the first does not contain the second. */
const contains = (text: string, part: string) =>
  text.includes(part) ? Effect.void : Effect.die(new Error(`no "${part}" in: ${text}`))

const expectEqual = (value: unknown, expected: unknown) => {
  if (value !== expected) throw new Error(`${String(value)} is not ${String(expected)}`)
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

const checksOf = Effect.fnUntraced(function* (command: string) {
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

  const checks: Array<Check> = []
  const check = <A, R>(name: string, run: Effect.Effect<A, never, R>) =>
    Effect.exit(Effect.timeout(run, "2 minutes")).pipe(
      Effect.map((exit) => {
        const problem = exit._tag === "Success" ? undefined : Cause.pretty(exit.cause)
        checks.push({ name, problem })
      }),
    )

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
      expectEqual(yield* Effect.promise(async () => request?.closed), "closed")
    }),
  )
  return checks
})

record("agents", [await report(`Qwen Code ${QWEN}`, Effect.runPromise(Effect.scoped(checksOf(installed()))))])
