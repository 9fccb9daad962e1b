/**
 * TlsCertificate: the certificate and the key of the port, read from the files of the options `tls.cert` and `tls.key`. A
 * changed pair is taken over while connections stay open. A bad pair leaves the old one in force and is logged.
 * GatewayServer.ts uses it, and Serve.ts reloads it on SIGHUP.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import { codeOf } from "../../domain/SystemError.ts"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { resolvePath } from "../../services/storage/StateFolder.ts"

/** A certificate with its key, as Node takes them. */
export type Pair = Pick<SecureContextOptions, "cert" | "key" | "minVersion">

interface Files {
  readonly cert: string
  readonly key: string
  readonly minVersion: "TLSv1.2" | "TLSv1.3"
}

/** Returns `undefined` without TLS. Fails if only one of the two files is configured. */
const filesOf = ({
  tls: { cert, key, minVersion },
}: GatewaySettings): Effect.Effect<Files | undefined, StartupError> => {
  if (cert === undefined && key === undefined) return Effect.undefined
  if (cert !== undefined && key !== undefined) {
    return Effect.succeed({ cert: resolvePath(cert), key: resolvePath(key), minVersion })
  }
  const [set, missing] = cert === undefined ? ["tls.key", "tls.cert"] : ["tls.cert", "tls.key"]
  return Effect.fail(new StartupError({ problem: `${set} is set without ${missing}`, remedy: `set ${missing} too` }))
}

/** Reads the files and checks that the key belongs to the certificate. */
const read = ({ cert, key, minVersion }: Files): Effect.Effect<Pair, StartupError> =>
  Effect.try({
    try: () => {
      const pair = { cert: Fs.readFileSync(cert), key: Fs.readFileSync(key), minVersion }
      createSecureContext(pair)
      return pair
    },
    catch: (error) =>
      new StartupError({
        problem: `the TLS certificate ${cert} with the key ${key} cannot be used (${codeOf(error)})`,
        remedy: "give the files of a certificate and its key in PEM, which this user can read",
      }),
  })

/** Changes with the files. `undefined` while they cannot be read. */
const stateOf = ({ cert, key }: Files): string | undefined => {
  try {
    return [cert, key]
      .map((file) => Fs.statSync(file))
      .map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`)
      .join(" ")
  } catch {
    return undefined
  }
}

export class TlsCertificate extends Context.Service<
  TlsCertificate,
  {
    /** The pair at the start, or `undefined` without TLS. */
    readonly first: Pair | undefined
    /** Calls the listener with each pair that comes into force. */
    readonly onChange: (listener: (pair: Pair) => void) => void
    /** Reads the files again and takes them over. Keeps the old pair and logs the problem if they cannot be used. */
    readonly reload: Effect.Effect<void>
  }
>()("causeway/transport/http/TlsCertificate") {
  static readonly layer: Layer.Layer<TlsCertificate, StartupError, GatewayConfig> = Layer.effect(
    TlsCertificate,
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const files = yield* filesOf(config)
      if (files === undefined) return { first: undefined, onChange: () => {}, reload: Effect.void }
      const first = yield* read(files)
      const listeners = new Set<(pair: Pair) => void>()
      let state = stateOf(files)

      const reload = Effect.suspend(() => {
        state = stateOf(files)
        return read(files)
      }).pipe(
        Effect.tap((pair) =>
          Effect.sync(() => {
            for (const listener of listeners) listener(pair)
          }),
        ),
        Effect.andThen(Effect.logInfo("the TLS certificate was read again")),
        Effect.catch(({ problem }) => Effect.logError(`the old TLS certificate stays in force: ${problem}`)),
      )
      const check = Effect.suspend(() => {
        const now = stateOf(files)
        return now === undefined || now === state ? Effect.void : reload
      })
      yield* Effect.forkScoped(Effect.forever(Effect.delay(check, config.monitorIntervalMs)))

      return { first, onChange: (listener) => void listeners.add(listener), reload }
    }),
  )
}
