/**
 * Measures the disk alone: how long it takes to bring a write to the disk, at the pace of a scenario's messages. No commit can
 * be faster. The scenario Turns uses it.
 */
import { closeSync, fdatasync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { temporaryFolder } from "./Targets.ts"

/** The pages that SQLite writes for the commit that accepts and begins a turn: twelve of 4 KB. */
const COMMIT_BYTES = 49_152

/** The writes go round in a file of this many, as in SQLite's log. */
const COMMITS = 256

/** Returns the milliseconds of each write with its sync. */
export const syncTimes = async (count: number, paceMs: number): Promise<ReadonlyArray<number>> => {
  const file = openSync(join(temporaryFolder(), "disk"), "w")
  const sync = promisify(fdatasync)
  const content = Buffer.alloc(COMMIT_BYTES, 1)
  const times: Array<number> = []
  for (let n = 0; n < COMMITS; n++) writeSync(file, content, 0, COMMIT_BYTES, n * COMMIT_BYTES)
  await sync(file)
  for (let n = 0; n < count; n++) {
    const began = performance.now()
    writeSync(file, content, 0, COMMIT_BYTES, (n % COMMITS) * COMMIT_BYTES)
    await sync(file)
    times.push(performance.now() - began)
    await sleep(paceMs)
  }
  closeSync(file)
  return times
}
