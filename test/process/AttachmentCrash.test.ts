/** The promise of a file, with a gateway that is killed repeatedly while messages bring files. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { Attachments } from "../../src/services/attachments/Attachments.ts"
import * as AttachmentSweep from "../../src/services/attachments/AttachmentSweep.ts"
import { layer } from "../support/Conversations.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import { killAfterLines } from "../support/KilledStarts.ts"
import { isPostgres } from "../support/Postgres.ts"
import { newPlace, queryAt } from "../support/TestDatabase.ts"

const ROUNDS = isPostgres ? 2 : 6

interface Acknowledged {
  readonly name: string
  readonly id: string
}

/** Runs the gateway until it has acknowledged `sends` messages, and kills it. Returns all acknowledgements. */
const runAndKill = (place: string, stateDir: string, round: number, sends: number) =>
  Effect.map(killAfterLines("AttachingGateway.ts", [place, stateDir, String(round)], sends), (lines) =>
    lines.map((line): Acknowledged => {
      const [name = "", id = ""] = line.split(" ")
      return { name, id }
    }),
  )

/** Returns the ids of the files in the state folder. */
const filesIn = (stateDir: string): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(stateDir, "attachments"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"))
    .map(({ name }) => name)

/** Writes a file without a message, as a kill between the write of a file and the commit of its message leaves it. */
const writeOrphan = (stateDir: string): string => {
  const id = "f".repeat(64)
  const folder = Path.join(stateDir, "attachments", "ff")
  Fs.mkdirSync(folder, { recursive: true })
  Fs.writeFileSync(Path.join(folder, id), "an orphan")
  return id
}

describe("A gateway that is killed while messages bring files", () => {
  it.live(
    "Every acknowledged message keeps its file, and the sweep after the restart removes the files of no message.",
    () =>
      Effect.gen(function* () {
        const place = yield* newPlace
        const stateDir = yield* temporaryFolder
        const acknowledged: Array<Acknowledged> = []
        for (let round = 0; round < ROUNDS; round++) {
          const sends = 3 + ((round * 7) % 20)
          acknowledged.push(...(yield* runAndKill(place, stateDir, round, sends)))
        }
        const orphan = writeOrphan(stateDir)
        expect(filesIn(stateDir)).toContain(orphan)

        yield* Effect.gen(function* () {
          const files = yield* Attachments
          yield* AttachmentSweep.removeUnknown
          yield* AttachmentSweep.removeUnused
          for (const { id, name } of acknowledged) {
            expect(String(Buffer.from((yield* files.read(id)) ?? []))).toBe(name)
          }
        }).pipe(Effect.provide(layer({ place, stateDir })))

        const rows = yield* queryAt(place, "SELECT id FROM attachments")
        expect([...filesIn(stateDir)].sort()).toEqual(rows.map(({ id }) => String(id)).sort())
        expect(rows.length).toBeGreaterThanOrEqual(acknowledged.length)
      }).pipe(Effect.scoped),
    240_000,
  )
})
