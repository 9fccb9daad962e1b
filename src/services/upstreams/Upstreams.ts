/**
 * Upstreams: the connections to the OpenClaw gateways of the option `fleet.upstreams`, by name. The fleet follows them, and
 * the runtimes `upstream/<name>` talk through them. Without upstream gateways, no code of the client is loaded.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import type { UpstreamSettings } from "../../domain/FleetSettings.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { VERSION } from "../../domain/Version.ts"
import type { OpenClawClient } from "../../openclaw-client/OpenClawClient.ts"
import { StateFolder } from "../storage/StateFolder.ts"

/** A client that stays connected as long as it can. */
export type UpstreamClient = OpenClawClient["Service"]

export interface ConnectedUpstream {
  readonly settings: UpstreamSettings
  readonly client: UpstreamClient
}

export class Upstreams extends Context.Service<
  Upstreams,
  {
    /** In the order of the configuration. */
    readonly all: ReadonlyArray<ConnectedUpstream>
  }
>()("causeway/services/upstreams/Upstreams") {
  /** Connects in the background. Fails if the file of the device's key is unusable. */
  static readonly layer: Layer.Layer<Upstreams, StartupError, GatewayConfig | StateFolder> = Layer.effect(
    Upstreams,
    Effect.gen(function* () {
      const { upstreams } = (yield* GatewayConfig).fleet
      if (upstreams.length === 0) return Upstreams.of({ all: [] })
      const deviceFile = Path.join((yield* StateFolder).folder, DEVICE_FILE)
      const { OpenClawClient } = yield* Effect.promise(() => import("../../openclaw-client/OpenClawClient.ts"))
      const all = yield* Effect.forEach(
        upstreams,
        Effect.fnUntraced(function* (settings) {
          const { fingerprint, name, scopes, token, url } = settings
          const client = { id: "gateway-client", mode: "backend", version: VERSION, displayName: "Causeway" }
          const options = { url, token, fingerprint, scopes, client, deviceFile }
          const context = yield* Effect.mapError(
            Layer.build(OpenClawClient.layer(options)),
            ({ message }) =>
              new StartupError({ problem: `cannot connect to the gateway "${name}": ${message}`, remedy: REMEDY }),
          ).pipe(Effect.annotateLogs("source", `fleet/${name}`))
          return { settings, client: Context.get(context, OpenClawClient) }
        }),
      )
      return Upstreams.of({ all })
    }),
  )
}

/** The key of this gateway as a device of its upstream gateways, in the state folder. */
const DEVICE_FILE = "fleet-device.json"

const REMEDY = `make ${DEVICE_FILE} in the state folder readable, or remove it to pair again`
