import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Environment } from "../../../src/cli/config/Environment.ts"
import { loadConfig, settingsFrom } from "../../../src/cli/config/LoadConfig.ts"

const result = (environment: Environment, content: unknown = null) =>
  settingsFrom({ flags: {}, environment, file: { name: "gateway.yaml", content } })

const settings = (environment: Environment, content?: unknown) => Result.getOrThrow(result(environment, content))

const problem = (environment: Environment, content?: unknown) => {
  const settled = result(environment, content)
  return Result.isFailure(settled) ? settled.failure.problem : "no problem"
}

describe("The variables of an upstream gateway", () => {
  it("They add a gateway, and its token does not open this one.", () => {
    const { fleet, token } = settings(
      { GATEWAY_WS_URL: "ws://10.0.0.2:18789/", OPENCLAW_GATEWAY_TOKEN: "of-the-upstream" },
      { fleet: { upstreams: [{ name: "home", url: "ws://10.0.0.3/" }] } },
    )
    expect(fleet.upstreams.map(({ name, url }) => [name, url])).toEqual([
      ["home", "ws://10.0.0.3/"],
      ["openclaw", "ws://10.0.0.2:18789/"],
    ])
    expect(Redacted.value(fleet.upstreams[1]!.token!)).toBe("of-the-upstream")
    expect(token).toBeUndefined()
    expect(JSON.stringify(fleet)).not.toContain("of-the-upstream")
  })

  it("Without the address, the token is this gateway's own.", () => {
    const { fleet, token } = settings({ GATEWAY_WS_URL: "", OPENCLAW_GATEWAY_TOKEN: "own" })
    expect(fleet.upstreams).toEqual([])
    expect(Redacted.value(token!)).toBe("own")
  })

  it("A wrong address is reported under the name of the variable.", () => {
    expect(problem({ GATEWAY_WS_URL: "nowhere" })).toMatch(/^GATEWAY_WS_URL.*: must be an address such as ws:/)
  })

  it("A REST address is read as the fallback of the WebSocket, with its interval.", () => {
    const rest = { GATEWAY_URL: "http://10.0.0.2:18789/api/agents", GATEWAY_POLL_INTERVAL: "1m30s" }
    const [both] = settings({ ...rest, GATEWAY_WS_URL: "ws://10.0.0.3/" }).fleet.upstreams
    expect(both).toMatchObject({ url: "ws://10.0.0.3/", pollUrl: rest.GATEWAY_URL, pollMs: 90_000 })
    const [alone] = settings({ ...rest, GATEWAY_POLL_INTERVAL: "7" }).fleet.upstreams
    expect(alone).toMatchObject({ url: "ws://10.0.0.2:18789/", pollUrl: rest.GATEWAY_URL, pollMs: 7_000 })
    const [unset] = settings({ GATEWAY_URL: "https://h/api/agents" }).fleet.upstreams
    expect(unset).toMatchObject({ url: "wss://h/", pollMs: 5_000 })
  })

  it.each(["ws://127.0.0.1:18789/rpc", "http://127.0.0.1:18789", "nowhere"])(
    "GATEWAY_URL=%s alone names no gateway of the fleet.",
    (GATEWAY_URL) => expect(settings({ GATEWAY_URL }).fleet.upstreams).toEqual([]),
  )

  it("A wrong REST address and a wrong interval are reported under the names of their variables.", () => {
    const GATEWAY_WS_URL = "ws://h/"
    expect(problem({ GATEWAY_WS_URL, GATEWAY_URL: "ws://h/" })).toMatch(
      /^GATEWAY_URL.*: must be an address such as http:/,
    )
    expect(problem({ GATEWAY_WS_URL, GATEWAY_POLL_INTERVAL: "soon" })).toMatch(/^GATEWAY_POLL_INTERVAL/)
    expect(problem({ GATEWAY_WS_URL, GATEWAY_POLL_INTERVAL: "1ms" })).toMatch(/^GATEWAY_POLL_INTERVAL/)
  })

  it.effect("The token may be in a file, as that of a list in the configuration.", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "causeway-upstream-"))
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const config = `fleet: { upstreams: [{ name: home, url: "ws://h/", tokenFile: ${file("home", "one\n")} }, { name: office, url: "ws://o/", tokenVariable: OFFICE }] }`
      const { fleet, token } = yield* loadConfig(
        {},
        {
          HOME: folder,
          GATEWAY_CONFIG: file("config.yaml", config),
          GATEWAY_WS_URL: "ws://u/",
          OPENCLAW_GATEWAY_TOKEN_FILE: file("upstream", "three\n"),
          OFFICE: "two",
        },
      )
      expect(fleet.upstreams.map(({ token }) => Redacted.value(token!))).toEqual(["one", "two", "three"])
      expect(token).toBeUndefined()
    }),
  )
})

describe("The list of upstream gateways", () => {
  it("A variable holds it as JSON, and errors name the entry without its secrets.", () => {
    const GATEWAY_FLEET_UPSTREAMS = JSON.stringify([{ name: "a", url: "http://user:secret@h/" }])
    expect(problem({ GATEWAY_FLEET_UPSTREAMS })).toContain("GATEWAY_FLEET_UPSTREAMS (0.url): must have no user")
    expect(problem({ GATEWAY_FLEET_UPSTREAMS })).not.toContain("secret")
    expect(problem({}, { fleet: { upstreams: [{ name: "a", url: "ws://h", tokn: "x" }] } })).toContain(
      'unknown option fleet.upstreams.0.tokn in gateway.yaml (did you mean "fleet.upstreams.0.token"?)',
    )
  })

  it.effect("The example is a valid configuration.", () =>
    Effect.gen(function* () {
      const { fleet } = yield* loadConfig(
        {},
        { HOME: tmpdir(), GATEWAY_CONFIG: "examples/fleet.yaml", HOME_TOKEN: "t" },
      )
      expect(fleet.upstreams.map(({ name }) => name)).toEqual(["home", "office"])
      expect(Redacted.value(fleet.upstreams[0]!.token!)).toBe("t")
    }),
  )

  it("Two gateways cannot have one name.", () => {
    const upstreams = [
      { name: "a", url: "ws://h" },
      { name: "a", url: "ws://i" },
    ]
    expect(problem({}, { fleet: { upstreams } })).toContain('has two gateways with the name "a"')
  })
})
