import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ask, layer } from "../../../support/AcpConversations.ts"

/** Returns the error of a run. */
const errorOf = (text = "say x") => Effect.map(ask(text, "s"), ({ error }) => error)

describe("An agent that does not start", () => {
  it.live("A program that is not installed fails the run and names the option.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toBe(
        'acp/test ended: "no-such-agent" was not found. Install the program, or write its path in `command`.',
      )
    }).pipe(Effect.provide(layer({ settings: { command: "no-such-agent" } }))),
  )

  it.live("A folder that does not exist fails the run and names the option.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toMatch(/^The folder \/nowhere\/at\/all for ".*" does not exist\. Create it/)
    }).pipe(Effect.provide(layer({ settings: { cwd: "/nowhere/at/all" } }))),
  )

  it.live("A program that is no agent fails the run with its output.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toBe('acp/test ended: "echo" exited with code 0. Its last lines:\nhello')
    }).pipe(Effect.provide(layer({ settings: { command: "echo", args: ["hello"] } }))),
  )

  it.live("An agent of another version of the protocol fails the run.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toMatch(/^acp\/test speaks version 99 of ACP, and the gateway version 1\./)
    }).pipe(Effect.provide(layer({ mode: "future" }))),
  )

  it.live("A line above 16 MB ends the connection and the run.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toMatch(/A line of its output is longer than 16777216 bytes|exited|ended by/)
    }).pipe(
      Effect.provide(
        layer({ settings: { command: "sh", args: ["-c", "head -c 20000000 /dev/zero | tr '\\0' x; cat"] } }),
      ),
    ),
  )
})

describe("A login", () => {
  it.live("Without a login the error names the ways to log in.", () =>
    Effect.gen(function* () {
      const error = yield* errorOf()
      expect(error?.kind).toBe("authentication")
      expect(error?.message).toMatch(
        /^acp\/test needs a login: Authentication required\. Log in once with the agent's own program, as the user of the gateway, or give its key in acp\.test\.env or acp\.test\.inherit, or set acp\.test\.login to a method that it offers: key \(API key\), web \(Browser\): run ".*AcpAgent\.ts login"\.$/,
      )
    }).pipe(Effect.provide(layer({ mode: "login" }))),
  )

  it.live("The configured method logs in when the agent asks.", () =>
    Effect.gen(function* () {
      expect(yield* ask("say in", "s")).toMatchObject({ state: "done", reply: "in" })
    }).pipe(Effect.provide(layer({ mode: "login", settings: { login: "key" } }))),
  )

  it.live("A method that fails gives the same error.", () =>
    Effect.gen(function* () {
      expect((yield* errorOf())?.message).toMatch(/^acp\/test needs a login: Authentication required\./)
    }).pipe(Effect.provide(layer({ mode: "login", settings: { login: "web" } }))),
  )
})
