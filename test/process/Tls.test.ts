/** A gateway process with TLS, and the commands that connect to it. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect } from "node:tls"
import { fingerprintOfFile } from "../../src/client/Fingerprint.ts"
import * as Certificates from "../support/Certificates.ts"
import * as GatewayProcess from "../support/GatewayProcess.ts"

const commonName = (port: number) =>
  Effect.callback<string>((resume) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      resume(Effect.succeed(String(CN)))
    })
  })

describe("TLS", () => {
  it.live("Commands reach a self-signed gateway by its fingerprint, and SIGHUP takes over a new certificate.", () =>
    Effect.gen(function* () {
      const folder = yield* GatewayProcess.temporaryFolder
      const { cert, key } = Certificates.install(folder, "first")
      const env = { GATEWAY_TLS_CERT: cert, GATEWAY_TLS_KEY: key, GATEWAY_MONITOR_INTERVAL_MS: "3600000" }
      const gateway = yield* GatewayProcess.start({ env })
      expect(gateway.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)

      const untrusted = yield* gateway.cli("call", "ping")
      expect(untrusted.stderr).toContain("does not trust the TLS certificate")
      const fingerprint = fingerprintOfFile(cert)!
      const pinned = yield* gateway.cli("call", "ping", "--fingerprint", fingerprint)
      expect([pinned.code, pinned.stderr]).toEqual([0, ""])
      // A command of the same configuration knows the certificate of its own gateway.
      const own = yield* GatewayProcess.run(["call", "ping", "--state-dir", gateway.stateDir], {
        env: { ...env, GATEWAY_PORT: String(gateway.port) },
      })
      expect([own.code, own.stderr]).toEqual([0, ""])
      const other = yield* gateway.cli("call", "ping", "--fingerprint", fingerprint.replace(/^./, "x"))
      expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("fingerprint is not one of SHA-256")])

      Certificates.install(folder, "second")
      gateway.signal("SIGHUP")
      yield* Effect.repeat(commonName(gateway.port), { until: (name) => name === "causeway test second" })
      const changed = yield* gateway.cli("call", "ping", "--fingerprint", fingerprint)
      expect(changed.stderr).toContain("has another fingerprint")
    }).pipe(Effect.scoped),
  )
})
