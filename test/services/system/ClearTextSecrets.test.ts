import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { clearTextSecrets } from "../../../src/services/system/ClearTextSecrets.ts"

const found = (options: GatewayOptions) =>
  Effect.map(Schema.decodeEffect(GatewaySettings)(options), (settings) => clearTextSecrets(settings))

const key = { apiKey: "sk-of-the-provider" }

describe("clearTextSecrets", () => {
  it.effect("A key or a header that goes to the internet over plain http has a problem that names the option.", () =>
    Effect.gen(function* () {
      const headers = { authorization: "Bearer of-the-server" }
      const secrets = yield* found({
        providers: {
          name: { baseUrl: "http://api.example.org/v1", ...key },
          address: { baseUrl: "http://203.0.114.7:8080/v1", ...key },
          v6: { baseUrl: "http://[2606:4700::1111]/v1", headers },
        },
        mcp: { desk: { url: "http://mcp.example.org/mcp", headers } },
      })
      expect(secrets.map(({ problem }) => problem)).toEqual([
        "providers.name.baseUrl sends its key to api.example.org over plain http, which others on the way can read",
        "providers.address.baseUrl sends its key to 203.0.114.7 over plain http, which others on the way can read",
        "providers.v6.baseUrl sends its key to [2606:4700::1111] over plain http, which others on the way can read",
        "mcp.desk.url sends its headers to mcp.example.org over plain http, which others on the way can read",
      ])
      expect(secrets[0]?.remedy).toBe("use an https address in providers.name.baseUrl")
    }),
  )

  it.effect("Addresses of this machine and of private networks, https, and requests without a secret are fine.", () =>
    Effect.gen(function* () {
      const hosts = "127.0.0.1:11434 localhost [::1] 10.1.2.3 192.168.1.9 [fd00::1] ollama gpu.local box.internal"
      const providers = Object.fromEntries(
        hosts.split(" ").map((host, index) => [`p${index}`, { baseUrl: `http://${host}/v1`, ...key }]),
      )
      expect(
        yield* found({
          providers: {
            ...providers,
            encrypted: { baseUrl: "https://api.example.org/v1", ...key },
            own: key,
            open: { baseUrl: "http://api.example.org/v1" },
          },
          mcp: { desk: { url: "http://mcp.example.org/mcp" } },
        }),
      ).toEqual([])
    }),
  )
})
