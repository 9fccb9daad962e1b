/** The command line as a process: exit codes, completions, colours, confirmations, Ctrl-C and a base path. */
import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { spawnSync } from "node:child_process"
import { Status } from "../../src/domain/System.ts"
import { run, SharedGateway } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const decodeStatus = Schema.decodeUnknownSync(Schema.fromJsonString(Status))

describe("causeway", () => {
  it.live("A failed command returns its exit code to the shell.", () =>
    Effect.gen(function* () {
      expect(yield* run(["bogus"])).toMatchObject({ code: 2, stdout: "" })
      expect(yield* run(["status", "--url", "127.0.0.1:9"])).toMatchObject({ code: 69, stdout: "" })
    }),
  )

  it.live("The shells accept the completions.", () =>
    Effect.gen(function* () {
      const { stdout } = yield* run(["--completions", "bash"])
      for (const word of ["sessions", "rotate", "--state-dir"]) expect(stdout).toContain(word)
      expect(spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" })
      for (const shell of ["zsh", "fish"]) {
        expect((yield* run(["--completions", shell])).stdout).toContain("sessions")
      }
    }),
  )
})

layer(SharedGateway.layer({ args: ["--base-path", "/causeway"] }), { excludeTestServices: true })(
  "causeway with a gateway at a base path",
  (it) => {
    it.effect("The banner has the whole address, and commands find the gateway by the same configuration.", () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
        expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/causeway$/)
        expect(gateway.stdout()).toContain(`--url ${gateway.url}`)
        expect(yield* gateway.cli("send", "hello")).toMatchObject({ code: 0, stdout: "echo: hello\n" })
        const configured = {
          env: {
            GATEWAY_BASE_PATH: "/causeway",
            GATEWAY_PORT: String(gateway.port),
            GATEWAY_STATE_DIR: gateway.stateDir,
          },
        }
        expect(yield* run(["send", "again"], configured)).toMatchObject({ code: 0, stdout: "echo: again\n" })
        expect((yield* run(["doctor"], configured)).stdout).toContain("a gateway answers at")
        expect((yield* Effect.promise(() => fetch(`${gateway.url}/health`))).status).toBe(200)
      }),
    )

    it.effect("Output has colours at a terminal only, and none with NO_COLOR.", () =>
      Effect.gen(function* () {
        const args = ["agents", "list", ...(yield* SharedGateway).target]
        const coloured = yield* Terminal.open(args)
        expect(yield* coloured.exit).toBe(0)
        expect(coloured.raw()).toContain("\u001b[")
        const plain = yield* Terminal.open(args, { NO_COLOR: "1" })
        expect(yield* plain.exit).toBe(0)
        expect(plain.raw()).toContain("PERSONALITY")
        expect(plain.raw()).not.toContain("\u001b[")
        expect((yield* run(args)).stdout).not.toContain("\u001b[")
      }),
    )

    it.effect("A change that cannot be undone happens only after a confirmation at the terminal.", () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
        yield* gateway.cli("send", "--session", "work", "hello")
        const no = yield* Terminal.open(["sessions", "delete", "work", ...gateway.target])
        yield* no.shows("removes the session work with its 2 messages")
        no.type("n")
        expect(yield* no.exit).toBe(1)
        expect((yield* gateway.cli("sessions", "history", "work")).code).toBe(0)
        const yes = yield* Terminal.open(["sessions", "delete", "work", ...gateway.target])
        yield* yes.shows("Continue?")
        yes.type("y")
        expect(yield* yes.exit).toBe(0)
        expect((yield* gateway.cli("sessions", "history", "work")).code).toBe(1)
      }),
    )

    it.effect("`causeway send -` reads the message from standard input.", () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
        expect(yield* gateway.fed("two\nlines\n", "send", "-")).toMatchObject({ code: 0, stdout: "echo: two\nlines\n" })
      }),
    )

    it.effect("Ctrl-C in causeway send aborts the run too.", () =>
      Effect.gen(function* () {
        const gateway = yield* SharedGateway
        const running = Effect.map(gateway.cli("status", "--json"), ({ stdout }) => decodeStatus(stdout).runs.running)
        const send = yield* gateway.open("send", `/slow 120000 ${"word ".repeat(1_000)}`)
        yield* send.prints("echo:")
        expect(yield* running).toBe(1)
        send.signal("SIGINT")
        expect(yield* send.exit).toMatchObject({ code: 130, stderr: "" })
        expect(yield* running).toBe(0)
      }),
    )
  },
)
