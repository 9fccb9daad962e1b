import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { configOptions } from "../../../src/cli/config/ConfigOptions.ts"
import type { Environment } from "../../../src/cli/config/Environment.ts"
import { loadConfig, settingsFrom, type Sources } from "../../../src/cli/config/LoadConfig.ts"

const settings = (sources: Partial<Sources>) =>
  Result.getOrThrow(settingsFrom({ flags: {}, environment: {}, ...sources }))

const problem = (sources: Partial<Sources>) => {
  const result = settingsFrom({ flags: {}, environment: {}, ...sources })
  return Result.isFailure(result) ? result.failure.problem : "no problem"
}

const file = (content: unknown) => ({ file: { name: "gateway.yaml", content } })

describe("the configuration", () => {
  it("is the defaults where nothing is given", () => {
    expect(settings({})).toMatchObject({ host: "127.0.0.1", port: 18_789, path: "/ws", auth: "token", enabled: true })
  })

  it("takes flags before the environment, the environment before the file, the file before the defaults", () => {
    const given = file({ port: 1, host: "::1", path: "/file", drainMs: 5 })
    const environment = { GATEWAY_PORT: "2", GATEWAY_HOST: "localhost" }
    expect(settings({ ...given, environment, flags: { port: "3" } })).toMatchObject({
      port: 3,
      host: "localhost",
      path: "/file",
      drainMs: 5,
      monitorIntervalMs: 5_000,
    })
  })

  it("understands options at the top of the file and under gateway, which wins", () => {
    expect(settings(file({ port: 1, path: "/top", gateway: { enabled: false, path: "/nested" } }))).toMatchObject({
      port: 1,
      enabled: false,
      path: "/nested",
    })
  })

  it("takes an empty file for no options", () => {
    expect(settings(file(null)).port).toBe(18_789)
  })

  it("has a variable for every option, by one rule", () => {
    const names = configOptions.flatMap(({ environment }) => environment)
    expect(names).toContain("GATEWAY_RUNS_CONCURRENT_PER_AGENT")
    expect(names).toContain("GATEWAY_LIMITS_OUTBOX_BYTES")
    expect(names).toContain("GATEWAY_STATE_DIR")
    expect(new Set(names).size).toBe(names.length)
  })

  it("reads numbers, booleans and lists from the text of variables", () => {
    const environment = {
      GATEWAY_LIMITS_OUTBOX_BYTES: "1024",
      GATEWAY_ENABLED: "false",
      GATEWAY_ALLOWED_ORIGINS: "https://a.example, https://b.example",
    }
    const { allowedOrigins, enabled, limits } = settings({ environment })
    expect(limits.outboxBytes).toBe(1_024)
    expect(limits.outboxFrames).toBe(16_384)
    expect(enabled).toBe(false)
    expect(allowedOrigins).toEqual(["https://a.example", "https://b.example"])
  })

  it("takes the token from either variable, its own first, and never shows it", () => {
    const both = { GATEWAY_TOKEN: "mine", OPENCLAW_GATEWAY_TOKEN: "theirs" }
    const { token } = settings({ environment: both })
    expect(token && Redacted.value(token)).toBe("mine")
    expect(String(token)).not.toContain("mine")
    const other = settings({ environment: { OPENCLAW_GATEWAY_TOKEN: "theirs" } }).token
    expect(other && Redacted.value(other)).toBe("theirs")
  })

  it("takes a secret without the blanks and line ends around it, wherever it comes from", () => {
    const tokenOf = (sources: Partial<Sources>) => {
      const { token } = settings(sources)
      return token && Redacted.value(token)
    }
    expect(tokenOf({ environment: { GATEWAY_TOKEN: "s3cret\n" } })).toBe("s3cret")
    expect(tokenOf(file({ token: " s3cret\r\n" }))).toBe("s3cret")
    const { password } = settings({ environment: { GATEWAY_PASSWORD: "\tof two words \n" } })
    expect(password && Redacted.value(password)).toBe("of two words")
  })

  it("refuses a secret that no header can carry, and does not show it", () => {
    for (const secret of ["s3\ncret", "s3\u0000cret", " \n"]) {
      expect(problem({ environment: { GATEWAY_TOKEN: secret } })).toMatch(/^GATEWAY_TOKEN: .*one line of text/)
      expect(problem({ environment: { GATEWAY_TOKEN: secret } })).not.toContain("s3")
      expect(problem(file({ password: secret }))).toMatch(/^password in gateway.yaml: .*one line of text/)
    }
  })

  it("takes a variable that is set to nothing for one that is not set", () => {
    expect(settings({ environment: { GATEWAY_PORT: "", GATEWAY_TOKEN: "" } })).toMatchObject({ port: 18_789 })
  })

  it("names the flag, variable or file, the option and what fits", () => {
    expect(problem({ environment: { GATEWAY_PORT: "99999" } })).toBe(
      'GATEWAY_PORT is "99999": expected a value between 0 and 65535',
    )
    expect(problem({ flags: { "log-level": "loud" } })).toMatch(/^--log-level is "loud": expected "trace" \| "debug"/)
    expect(problem(file({ runs: { concurrent: 0 } }))).toMatch(/^runs.concurrent in gateway.yaml: expected/)
  })

  it("refuses an origin that no page can have, and says which", () => {
    expect(problem({ environment: { GATEWAY_ALLOWED_ORIGINS: "https://a.example,*" } })).toBe(
      'GATEWAY_ALLOWED_ORIGINS is "https://a.example,*": patterns are not supported: list each origin, e.g. https://dash.example.org',
    )
    expect(problem({ flags: { "allowed-origins": "dash.example.org" } })).toMatch(
      /^--allowed-origins is "dash.example.org": not an origin: write scheme and host/,
    )
    expect(problem(file({ allowedOrigins: ["https://a.example", "null"] }))).toMatch(
      /^allowedOrigins.1 in gateway.yaml: any sandboxed page has the origin null/,
    )
    expect(problem({ environment: { GATEWAY_TRUSTED_PROXIES: "10.0.0.0/8,proxy" } })).toMatch(
      /^GATEWAY_TRUSTED_PROXIES is "10.0.0.0\/8,proxy": must be an address/,
    )
    expect(problem({ environment: { GATEWAY_CLIENT_ADDRESS_HEADER: "X Real" } })).toMatch(
      /^GATEWAY_CLIENT_ADDRESS_HEADER is "X Real": expected the name of a header/,
    )
  })

  it("names options that do not exist", () => {
    expect(problem(file({ gateway: { prot: 1 } }))).toBe("prot in gateway.yaml is no option")
    expect(problem(file({ limits: { frames: 1 } }))).toBe("limits.frames in gateway.yaml is no option")
  })

  it("names everything that is wrong at once", () => {
    expect(problem({ ...file({ enabled: "maybe" }), environment: { GATEWAY_PORT: "x" } })).toMatch(
      /enabled in gateway.yaml.*GATEWAY_PORT/,
    )
  })

  it("refuses a file that holds no options", () => {
    expect(problem(file(["port"]))).toBe("gateway.yaml holds no options")
    expect(problem(file({ gateway: 5 }))).toBe("gateway.yaml holds no options")
  })
})

const write = (content: string, name = "gateway.yaml") => {
  const path = join(mkdtempSync(join(tmpdir(), "causeway-config-")), name)
  writeFileSync(path, content)
  return path
}

describe("a secret in a file", () => {
  const secretsOf = Effect.fnUntraced(function* (environment: Environment) {
    const { password, token } = yield* loadConfig({}, environment)
    return { token: token && Redacted.value(token), password: password && Redacted.value(password) }
  })

  it.effect("is the one that a variable with _FILE names, for every secret and every name of it", () =>
    Effect.gen(function* () {
      const token = write("in-a-file\n", "token")
      const password = write("  of people\r\n", "password")
      expect(yield* secretsOf({ GATEWAY_TOKEN_FILE: token, GATEWAY_PASSWORD_FILE: password })).toEqual({
        token: "in-a-file",
        password: "of people",
      })
      expect((yield* secretsOf({ OPENCLAW_GATEWAY_TOKEN_FILE: token })).token).toBe("in-a-file")
    }),
  )

  it.effect("is a credential of systemd, by any of its names", () =>
    Effect.gen(function* () {
      for (const name of ["token", "gateway-token", "GATEWAY_TOKEN"]) {
        const CREDENTIALS_DIRECTORY = dirname(write("of-systemd\n", name))
        expect(yield* secretsOf({ CREDENTIALS_DIRECTORY })).toEqual({ token: "of-systemd", password: undefined })
      }
      const CREDENTIALS_DIRECTORY = dirname(write("of-systemd\n", "password"))
      expect((yield* secretsOf({ CREDENTIALS_DIRECTORY })).password).toBe("of-systemd")
    }),
  )

  it.effect("counts after the variable, before a credential, and that before the configuration file", () =>
    Effect.gen(function* () {
      const GATEWAY_CONFIG = write("token: of-the-yaml\n")
      const CREDENTIALS_DIRECTORY = dirname(write("of-systemd", "token"))
      const GATEWAY_TOKEN_FILE = write("of-a-file", "secret")
      const GATEWAY_TOKEN = "of-the-variable"
      const from = (environment: Environment) => Effect.map(secretsOf(environment), ({ token }) => token)
      expect(yield* from({ GATEWAY_CONFIG })).toBe("of-the-yaml")
      expect(yield* from({ GATEWAY_CONFIG, CREDENTIALS_DIRECTORY })).toBe("of-systemd")
      expect(yield* from({ GATEWAY_CONFIG, CREDENTIALS_DIRECTORY, GATEWAY_TOKEN_FILE })).toBe("of-a-file")
      expect(yield* from({ CREDENTIALS_DIRECTORY, GATEWAY_TOKEN_FILE, GATEWAY_TOKEN })).toBe("of-the-variable")
    }),
  )

  it.effect("that is missing, empty, a folder or far too long is named with what to do", () =>
    Effect.gen(function* () {
      const problemOf = (path: string) => Effect.flip(loadConfig({}, { GATEWAY_TOKEN_FILE: path }))
      const missing = yield* problemOf("/nowhere/token")
      expect(missing).toMatchObject({
        exitCode: 2,
        problem: "GATEWAY_TOKEN_FILE: /nowhere/token cannot be read (ENOENT)",
      })
      expect((yield* problemOf(write(" \n"))).problem).toMatch(/is empty$/)
      expect((yield* problemOf(tmpdir())).problem).toMatch(/cannot be read \(EISDIR\)$/)
      expect((yield* problemOf(write("x".repeat(70_000)))).problem).toMatch(/longer than 65536 bytes/)
    }),
  )
})

describe("the configuration file", () => {
  it.effect("is the one that GATEWAY_CONFIG names, or before it --config", () =>
    Effect.gen(function* () {
      const environment = { GATEWAY_CONFIG: write("gateway:\n  port: 4000\n") }
      expect((yield* loadConfig({}, environment)).port).toBe(4_000)
      expect((yield* loadConfig({ config: write("port: 5000") }, environment)).port).toBe(5_000)
    }),
  )

  it.effect("that is not there is named with what to do", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadConfig({ config: "/nowhere/gateway.yaml" }, {}))
      expect(error.message).toBe(
        "/nowhere/gateway.yaml cannot be read (ENOENT): correct the path given by --config or GATEWAY_CONFIG",
      )
    }),
  )

  it.effect("that is not YAML is named with the line", () =>
    Effect.gen(function* () {
      const path = write("port: 1\n  host: [")
      const error = yield* Effect.flip(loadConfig({ config: path }, {}))
      expect(error.message).toContain(`${path} is not YAML`)
      expect(error.message).toMatch(/line \d+/)
      expect(error.message).not.toContain("\n")
    }),
  )
})
