/** State folders for tests, and another process that holds one. The tests of StateFolder and StateLock use it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import { StateFolder } from "../../src/services/storage/StateFolder.ts"
import * as SourcePrograms from "./SourcePrograms.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-state-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
)

/** Runs the effect while this process holds the folder. */
export const within = <A, E, R>(stateDir: string, use: Effect.Effect<A, E, R | StateFolder>) =>
  Effect.provide(use, Layer.fresh(StateFolder.layer).pipe(Layer.provide(GatewayConfig.layer({ stateDir }))))

/** Starts in the folder, stops again, and returns the paths. */
export const start = (stateDir: string) => within(stateDir, StateFolder)

export const modeOf = (path: string) => Fs.statSync(path).mode & 0o777

export const kill = (child: ChildProcess) =>
  Effect.promise(() => {
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    return exited
  })

/** Starts another process in the folder. `output`: `held`, or the error. */
export const startElsewhere = (stateDir: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = SourcePrograms.start("HoldFolder.ts", [stateDir])
      const [data] = await once(child.stdout, "data")
      return { child, output: String(data).trim() }
    }),
    ({ child }) => (child.exitCode === null && child.signalCode === null ? kill(child) : Effect.void),
  )
