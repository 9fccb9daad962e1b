/** `causeway setup`, and the offer of the first start. A fake provider and a command-line agent of ours take part. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { AGENT } from "../support/AcpConversations.ts"
import * as FakeProvider from "../support/FakeProvider.ts"
import { run, start, temporaryFolder } from "../support/GatewayProcess.ts"
import * as Terminal from "../support/Terminal.ts"

const KEY = "sk-in-the-environment"

/** A fake OpenAI, whose key and address are in the environment, and a new state folder. */
const machine = Effect.gen(function* () {
  const fake = yield* FakeProvider.make
  fake.models = { data: [{ id: "text" }, { id: "thinking" }] }
  const stateDir = join(yield* temporaryFolder, "state")
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: fake.baseUrl.openai }
  return { fake, env, stateDir, place: ["--state-dir", stateDir], file: join(stateDir, "config.yaml") }
})

const QUESTION = "shall answer the messages"

const textOf = (file: string) => Fs.readFileSync(file, "utf8")

describe("causeway setup", () => {
  it.live("A named provider is asked, configured without its key, and answers the next gateway's messages.", () =>
    Effect.gen(function* () {
      const { env, fake, file, place, stateDir } = yield* machine
      const setup = yield* run(["setup", "--provider", "openai", "--json", ...place], { env })
      expect(setup).toMatchObject({ code: 0, stderr: "" })
      expect(JSON.parse(setup.stdout)).toMatchObject({
        provider: "openai",
        model: "openai/text",
        text: "Hello wörld",
        configFile: file,
        restartNeeded: false,
      })
      expect(fake.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`)
      expect(textOf(file)).not.toContain(KEY)
      expect(textOf(file)).toContain("apiKeyVariable: OPENAI_API_KEY")
      expect(Fs.statSync(file).mode & 0o777).toBe(0o600)

      const gateway = yield* start({ stateDir, env })
      expect(gateway.stdout()).toContain("model   openai/text")
      expect(yield* gateway.cli("send", "hi")).toMatchObject({ code: 0, stdout: "Hello wörld\n" })
      const again = yield* run(["setup", "--provider", "openai", "--model", "thinking", ...place], { env })
      expect(again.stdout).toMatch(/^openai\/thinking answered in \d+ ms: Hello wörld\nWrote .+\nRestart the running/)
    }),
  )

  it.live("A model that fails changes nothing.", () =>
    Effect.gen(function* () {
      const { env, file, place, stateDir } = yield* machine
      Fs.mkdirSync(stateDir)
      Fs.writeFileSync(file, "# mine\ndrainMs: 9\n")
      const { code, stderr } = yield* run(["setup", "--yes", "--model", "nix", ...place], { env })
      expect(code).toBe(1)
      expect(stderr).toMatch(/\ncauseway: provider "openai" does not offer nix .+\. Nothing was changed\.\n$/)
      expect(stderr).not.toContain(KEY)
      expect(textOf(file)).toBe("# mine\ndrainMs: 9\n")
    }),
  )

  it.live("A variable that would win over the file is named, and nothing changes.", () =>
    Effect.gen(function* () {
      const { env, fake, file, place } = yield* machine
      const { code, stderr } = yield* run(["setup", "--yes", ...place], { env: { ...env, GATEWAY_MODEL: "a/b" } })
      expect(code).toBe(1)
      expect(stderr).toContain("GATEWAY_MODEL or GATEWAY_RUNTIME overrides the configuration file: unset it")
      expect(fake.requests).toEqual([])
      expect(Fs.existsSync(file)).toBe(false)
    }),
  )

  it.live("A command-line agent on the PATH replies and becomes the runtime.", () =>
    Effect.gen(function* () {
      const { file, place, stateDir } = yield* machine
      const bin = yield* temporaryFolder
      Fs.writeFileSync(join(bin, "qwen"), `#!/bin/sh\nexec '${process.execPath}' '${AGENT}' "$@"\n`, { mode: 0o755 })
      Fs.mkdirSync(stateDir)
      Fs.writeFileSync(file, "model: openai/gpt-5\n")
      const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` }
      const setup = yield* run(["setup", "--provider", "acp/qwen", "--json", ...place], { env })
      expect(setup).toMatchObject({ code: 0, stderr: "" })
      expect(JSON.parse(setup.stdout)).toMatchObject({ provider: "acp/qwen", model: "acp/qwen" })
      expect(textOf(file)).not.toContain("gpt-5")
      expect(textOf(file)).toMatch(/acp:\n {2}qwen:\n {4}command: qwen\n[^]*\nruntime: acp\/qwen\n/)
    }),
  )

  it.live("At a terminal, Enter takes the first source and its first model.", () =>
    Effect.gen(function* () {
      const { env, file, place } = yield* machine
      const setup = yield* Terminal.open(["setup", ...place], env)
      yield* setup.shows("OpenAI (OPENAI_API_KEY)")
      setup.type("\r")
      yield* setup.shows("Which model of OpenAI?")
      setup.type("\r")
      yield* setup.shows(/openai\/text answered in \d+ ms: Hello wörld/)
      expect(yield* setup.exit).toBe(0)
      expect(textOf(file)).toContain("model: openai/text")
    }),
  )

  it.live("A key that the user enters goes into the file, which only the owner may read, and nowhere else.", () =>
    Effect.gen(function* () {
      const { env, fake, file, place, stateDir } = yield* machine
      Fs.mkdirSync(stateDir)
      Fs.writeFileSync(file, `providers: { openai: { baseUrl: ${fake.baseUrl.openai} } }\n`, { mode: 0o644 })
      const setup = yield* Terminal.open(["setup", ...place], { ...env, ANTHROPIC_BASE_URL: fake.baseUrl.anthropic })
      yield* setup.shows("Another service")
      setup.type("\u001b[A\u001b[A\r")
      yield* setup.shows(/Which service[^]*Anthropic/)
      setup.type("\r")
      yield* setup.shows("The key of Anthropic")
      setup.type("sk-typed\r")
      yield* setup.shows("Which model of Anthropic?")
      setup.type("\r")
      yield* setup.shows(/anthropic\/text answered/)
      expect(yield* setup.exit).toBe(0)
      expect(setup.raw()).not.toContain("sk-typed")
      expect(textOf(file)).toContain("apiKey: sk-typed")
      expect(Fs.statSync(file).mode & 0o777).toBe(0o600)
      expect(fake.requests[0]?.headers["x-api-key"]).toBe("sk-typed")
    }),
  )

  it.live("At a terminal, a problem is shown and the question comes again. The choice of none changes nothing.", () =>
    Effect.gen(function* () {
      const { env, fake, file, place } = yield* machine
      fake.models = { data: [{ id: "not-there" }] }
      const setup = yield* Terminal.open(["setup", ...place], env)
      yield* setup.shows("OpenAI (OPENAI_API_KEY)")
      setup.type("\r")
      yield* setup.shows(/does not offer not-there[^]*Nothing was changed[^]*shall answer[^]*None for now/)
      setup.type("\u001b[A\r")
      expect(yield* setup.exit).toBe(0)
      expect(Fs.existsSync(file)).toBe(false)
    }),
  )
})

describe("The first start", () => {
  it.live("At a terminal it offers the sources, and starts with the chosen one. The next start asks nothing.", () =>
    Effect.gen(function* () {
      const { env, file, place } = yield* machine
      const first = yield* Terminal.open(["start", "--port", "0", ...place], env)
      yield* first.shows("OpenAI (OPENAI_API_KEY)")
      first.type("\r")
      yield* first.shows("Which model of OpenAI?")
      first.type("\r")
      yield* first.shows(/listens on http[^]*model {3}openai\/text/)
      first.type("\u0003")
      expect(yield* first.exit).toBe(0)
      const second = yield* Terminal.open(["start", "--port", "0", ...place], env)
      yield* second.shows(/listens on http[^]*model {3}openai\/text/)
      expect(second.raw()).not.toContain(QUESTION)
      expect(textOf(file)).toContain("model: openai/text")
    }),
  )

  it.live("After the choice of none, agents echo, the banner names the setup, and no start asks again.", () =>
    Effect.gen(function* () {
      const { env, place } = yield* machine
      const first = yield* Terminal.open(["start", "--port", "0", ...place], env)
      yield* first.shows("None for now")
      first.type("\u001b[A\r")
      yield* first.shows(/model {3}none yet, agents only echo\. Add one: .*causeway setup --state-dir/)
      first.type("\u0003")
      expect(yield* first.exit).toBe(0)
      const second = yield* Terminal.open(["start", "--port", "0", ...place], env)
      yield* second.shows("listens on http")
      expect(second.raw()).not.toContain(QUESTION)
    }),
  )

  it.live("Ctrl-C at the question ends the start.", () =>
    Effect.gen(function* () {
      const { env, place, stateDir } = yield* machine
      const start = yield* Terminal.open(["start", "--port", "0", ...place], env)
      yield* start.shows("None for now")
      start.type("\u0003")
      expect(yield* start.exit).toBe(130)
      expect(Fs.existsSync(stateDir)).toBe(false)
    }),
  )

  it.live("It asks nothing without a terminal, and nothing if a supervisor runs it.", () =>
    Effect.gen(function* () {
      const { env, stateDir } = yield* machine
      const gateway = yield* start({ stateDir, env })
      expect(gateway.stdout()).toMatch(/^Causeway[^]*model {3}none yet, agents only echo/)
      const other = ["--state-dir", join(yield* temporaryFolder, "state")]
      const supervised = yield* Terminal.open(["start", "--port", "0", ...other], { ...env, NOTIFY_SOCKET: "/run/x" })
      yield* supervised.shows("listens on http")
      expect(supervised.raw()).not.toContain(QUESTION)
    }),
  )
})
