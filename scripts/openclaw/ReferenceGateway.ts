/** OpenClaw's own gateway as a process, for the tests of our client and our fleet. */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, type OpenClawGateway, type OpenClawOptions } from "../../src/openclaw-client.ts"
import { machine } from "../../test/support/GatewayProcess.ts"
import { freePort } from "../../test/support/ShellGateway.ts"
import { home } from "../acceptance/Installation.ts"
import type { Installed } from "./Installations.ts"

export const TOKEN = "token-of-the-reference-gateway"

const SCOPES = ["operator.read", "operator.write", "operator.admin"]

export class ReferenceGateway {
  readonly #entry: string
  readonly #home = home()
  readonly port: number
  #child: ChildProcess | undefined
  /** The end of its output, for a failing check. */
  output = ""

  constructor(entry: string, port: number, config: object) {
    this.#entry = entry
    this.port = port
    mkdirSync(join(this.#home, ".openclaw"))
    writeFileSync(join(this.#home, ".openclaw/openclaw.json"), JSON.stringify(config))
  }

  /** It is ready after about ten seconds. */
  start(): void {
    const options = ["--port", String(this.port), "--auth", "token", "--token", TOKEN, "--allow-unconfigured"]
    const child = spawn(process.execPath, [this.#entry, "gateway", "run", ...options], {
      env: { ...machine, HOME: this.#home, NO_COLOR: "1" },
    })
    const keep = (chunk: Buffer) => (this.output = (this.output + chunk.toString()).slice(-2_000))
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    this.#child = child
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, "exit")
    child.kill("SIGTERM")
    await gone
  }
}

/** Makes the gateway. Start it yourself; the end of the scope stops it. `config`: its `openclaw.json`. */
export const make = Effect.fnUntraced(function* ({ entry }: Installed, config: object = {}) {
  const port = yield* freePort
  return yield* Effect.acquireRelease(
    Effect.sync(() => new ReferenceGateway(entry, port, config)),
    (reference) => Effect.promise(() => reference.stop()),
  )
})

/** Connects our client as an operator. */
export const operator = ({ port }: ReferenceGateway, options: Partial<OpenClawOptions> = {}): OpenClawGateway =>
  connect({ url: `127.0.0.1:${port}`, token: TOKEN, scopes: SCOPES, ...options })
