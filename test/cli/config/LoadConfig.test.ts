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

describe("settingsFrom", () => {
  it("Without sources, the settings are the defaults.", () => {
    expect(settings({})).toMatchObject({ host: "127.0.0.1", port: 18_789, path: "/ws", auth: "token", enabled: true })
  })

  it("Flags override the environment, the environment the file, and the file the defaults.", () => {
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

  it("Options under `gateway` in the file override options at its top level.", () => {
    expect(settings(file({ port: 1, path: "/top", gateway: { enabled: false, path: "/nested" } }))).toMatchObject({
      port: 1,
      enabled: false,
      path: "/nested",
    })
  })

  it("An empty file has no options.", () => {
    expect(settings(file(null)).port).toBe(18_789)
  })

  it("Every option has a variable of its own, named by one rule.", () => {
    const names = configOptions.flatMap(({ environment }) => environment)
    expect(names).toContain("GATEWAY_RUNS_CONCURRENT_PER_AGENT")
    expect(names).toContain("GATEWAY_LIMITS_OUTBOX_BYTES")
    expect(names).toContain("GATEWAY_STATE_DIR")
    expect(new Set(names).size).toBe(names.length)
  })

  it("A record within an option has secrets from variables, and errors that name their source.", () => {
    const mappings = { forge: { signature: "github", signingSecretVariable: "FORGE" } }
    const { hooks } = settings({ ...file({ hooks: { mappings } }), environment: { FORGE: "s3cret" } })
    expect(Redacted.value(hooks.mappings["forge"]!.signingSecret!)).toBe("s3cret")
    const wrong = { forge: { action: "fly" } }
    expect(problem(file({ hooks: { mappings: wrong } }))).toContain("hooks.mappings.forge.action in gateway.yaml")
    expect(problem({ environment: { GATEWAY_HOOKS_MAPPINGS: JSON.stringify(wrong) } })).toContain(
      "GATEWAY_HOOKS_MAPPINGS (forge.action)",
    )
  })

  it("The file holds records of options, with defaults for each entry.", () => {
    const { providers } = settings(file({ providers: { local: { baseUrl: "http://127.0.0.1:11434/v1" } } }))
    expect(providers["local"]).toMatchObject({ kind: "openai", models: [], silenceMs: 120_000 })
  })

  it("A variable holds a record as JSON and replaces that of the file.", () => {
    const environment = { GATEWAY_PROVIDERS: '{"claude":{"kind":"anthropic","apiKey":" sk-ant-1 "}}' }
    const { providers } = settings({ ...file({ providers: { local: {} } }), environment })
    expect(Object.keys(providers)).toEqual(["claude"])
    expect(Redacted.value(providers["claude"]!.apiKey!)).toBe("sk-ant-1")
  })

  it("An entry of a record names the variable of its secret, and a secret in the entry wins.", () => {
    const content = { providers: { a: { apiKeyVariable: "A_KEY" }, b: { apiKeyVariable: "A_KEY", apiKey: "inline" } } }
    const { providers } = settings({ ...file(content), environment: { A_KEY: "from variable" } })
    expect(Redacted.value(providers["a"]!.apiKey!)).toBe("from variable")
    expect(Redacted.value(providers["b"]!.apiKey!)).toBe("inline")
  })

  it("A variable or file without a secret leaves the entry without one.", () => {
    const { providers } = settings(file({ providers: { a: { apiKeyVariable: "A_KEY", apiKeyFile: "/missing" } } }))
    expect(providers["a"]!.apiKey).toBeUndefined()
  })

  it.each([
    [
      { providers: { x: { baseURL: "http://a" } } },
      'unknown option providers.x.baseURL in gateway.yaml (did you mean "providers.x.baseUrl"?)',
    ],
    [{ providers: { x: { baseUrl: "ftp://a" } } }, "providers.x.baseUrl in gateway.yaml: must be an address"],
    [
      { providers: { x: { baseUrl: "https://u:secret@a/v1" } } },
      "providers.x.baseUrl in gateway.yaml: must have no user",
    ],
    [{ providers: { "a/b": {} } }, 'providers in gateway.yaml: the name "a/b" must'],
    [{ providers: { x: { apiKey: 12_345_678 } } }, "providers.x.apiKey in gateway.yaml: "],
    [{ providers: { x: { package: "../evil" } } }, "providers.x.package in gateway.yaml: "],
  ])("The problem of %j names the field of the record.", (content, expected) => {
    expect(problem(file(content))).toContain(expected)
    expect(problem(file(content))).not.toMatch(/secret@|12345678/)
  })

  it("The problem of a record in a variable names the variable and the field, and quotes no secret.", () => {
    const GATEWAY_PROVIDERS = '{"x":{"apiKey":"two\\nlines"}}'
    const found = problem({ environment: { GATEWAY_PROVIDERS } })
    expect(found).toContain("GATEWAY_PROVIDERS (x.apiKey): ")
    expect(found).not.toContain("two")
    expect(problem({ environment: { GATEWAY_PROVIDERS: '{"x":{"apiKey":"hidden' } })).not.toContain("hidden")
  })

  it("Variables hold numbers, booleans and lists as text.", () => {
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

  it("GATEWAY_TOKEN overrides OPENCLAW_GATEWAY_TOKEN, and the token prints redacted.", () => {
    const both = { GATEWAY_TOKEN: "mine", OPENCLAW_GATEWAY_TOKEN: "theirs" }
    const { token } = settings({ environment: both })
    expect(token && Redacted.value(token)).toBe("mine")
    expect(String(token)).not.toContain("mine")
    const other = settings({ environment: { OPENCLAW_GATEWAY_TOKEN: "theirs" } }).token
    expect(other && Redacted.value(other)).toBe("theirs")
  })

  it("Blanks and line ends around a secret do not count.", () => {
    const tokenOf = (sources: Partial<Sources>) => {
      const { token } = settings(sources)
      return token && Redacted.value(token)
    }
    expect(tokenOf({ environment: { GATEWAY_TOKEN: "s3cret\n" } })).toBe("s3cret")
    expect(tokenOf(file({ token: " s3cret\r\n" }))).toBe("s3cret")
    const { password } = settings({ environment: { GATEWAY_PASSWORD: "\tof two words \n" } })
    expect(password && Redacted.value(password)).toBe("of two words")
  })

  it("The error for a secret that no header can carry does not show the secret.", () => {
    for (const secret of ["s3\ncret", "s3\u0000cret", " \n"]) {
      expect(problem({ environment: { GATEWAY_TOKEN: secret } })).toMatch(/^GATEWAY_TOKEN: .*one line of text/)
      expect(problem({ environment: { GATEWAY_TOKEN: secret } })).not.toContain("s3")
      expect(problem(file({ password: secret }))).toMatch(/^password in gateway.yaml: .*one line of text/)
    }
  })

  it("An empty variable counts as not set.", () => {
    expect(settings({ environment: { GATEWAY_PORT: "", GATEWAY_TOKEN: "" } })).toMatchObject({ port: 18_789 })
  })

  it("An error names the flag, variable or file, and the allowed values.", () => {
    expect(problem({ environment: { GATEWAY_PORT: "99999" } })).toBe(
      'GATEWAY_PORT is "99999": expected a value between 0 and 65535',
    )
    expect(problem({ flags: { "log-level": "loud" } })).toMatch(/^--log-level is "loud": expected "trace" \| "debug"/)
    expect(problem(file({ runs: { concurrent: 0 } }))).toMatch(/^runs.concurrent in gateway.yaml: expected/)
  })

  it("An error names the invalid item of a list.", () => {
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

  it("An unknown option fails with a similar one.", () => {
    expect(problem(file({ gateway: { prot: 1 } }))).toBe('unknown option prot in gateway.yaml (did you mean "port"?)')
    expect(problem(file({ limits: { frames: 1 } }))).toMatch(
      /^unknown option limits\.frames in gateway\.yaml \(did you mean "limits\./,
    )
  })

  it("An error lists all problems.", () => {
    expect(problem({ ...file({ enabled: "maybe" }), environment: { GATEWAY_PORT: "x" } })).toMatch(
      /enabled in gateway.yaml.*GATEWAY_PORT/,
    )
  })

  it("A base path starts with a slash and does not end with one.", () => {
    expect(settings({ flags: { "base-path": "/causeway" } }).basePath).toBe("/causeway")
    for (const path of ["causeway", "/causeway/", "/", "/a/../b", "/a b"]) {
      expect(problem({ flags: { "base-path": path } })).toContain(
        "a path such as /causeway, without a slash at its end",
      )
    }
  })

  it("A file without options is invalid.", () => {
    expect(problem(file(["port"]))).toBe("gateway.yaml has no options")
    expect(problem(file({ gateway: 5 }))).toBe("gateway.yaml has no options")
  })
})

const write = (content: string, name = "gateway.yaml") => {
  const path = join(mkdtempSync(join(tmpdir(), "causeway-config-")), name)
  writeFileSync(path, content)
  return path
}

describe("loadConfig with secret files", () => {
  const secretsOf = Effect.fnUntraced(function* (environment: Environment) {
    const { password, token } = yield* loadConfig({}, environment)
    return { token: token && Redacted.value(token), password: password && Redacted.value(password) }
  })

  it.effect("An entry of a record names the file of its secret.", () =>
    Effect.gen(function* () {
      const key = write(" sk-in-a-file\n", "key")
      const content = `providers: { a: { apiKeyFile: ${key} }, b: { apiKeyFile: /missing } }`
      const { providers } = yield* loadConfig({ config: write(content) }, {})
      expect(Redacted.value(providers["a"]!.apiKey!)).toBe("sk-in-a-file")
      expect(providers["b"]!.apiKey).toBeUndefined()
    }),
  )

  it.effect("A variable with _FILE names the file of a secret.", () =>
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

  it.effect("A credential of systemd may have any of three names.", () =>
    Effect.gen(function* () {
      for (const name of ["token", "gateway-token", "GATEWAY_TOKEN"]) {
        const CREDENTIALS_DIRECTORY = dirname(write("of-systemd\n", name))
        expect(yield* secretsOf({ CREDENTIALS_DIRECTORY })).toEqual({ token: "of-systemd", password: undefined })
      }
      const CREDENTIALS_DIRECTORY = dirname(write("of-systemd\n", "password"))
      expect((yield* secretsOf({ CREDENTIALS_DIRECTORY })).password).toBe("of-systemd")
    }),
  )

  it.effect("A variable overrides its file, the file the credential, and the credential the YAML file.", () =>
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

  it.effect("A missing, empty or too long file fails with its name.", () =>
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

describe("loadConfig with a configuration file", () => {
  it.effect("The flag --config overrides GATEWAY_CONFIG.", () =>
    Effect.gen(function* () {
      const environment = { GATEWAY_CONFIG: write("gateway:\n  port: 4000\n") }
      expect((yield* loadConfig({}, environment)).port).toBe(4_000)
      expect((yield* loadConfig({ config: write("port: 5000") }, environment)).port).toBe(5_000)
    }),
  )

  it.effect("A missing file fails with its name and the next step.", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadConfig({ config: "/nowhere/gateway.yaml" }, {}))
      expect(error.message).toBe(
        "/nowhere/gateway.yaml cannot be read (ENOENT): correct the path in --config or GATEWAY_CONFIG",
      )
    }),
  )

  it.effect("A file that is not YAML fails with its name and the line.", () =>
    Effect.gen(function* () {
      const path = write("port: 1\n  host: [")
      const error = yield* Effect.flip(loadConfig({ config: path }, {}))
      expect(error.message).toContain(`${path} is not YAML`)
      expect(error.message).toMatch(/line \d+/)
      expect(error.message).not.toContain("\n")
    }),
  )
})
