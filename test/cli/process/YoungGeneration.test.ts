import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

const MODULE = new URL("../../../src/cli/process/YoungGeneration.ts", import.meta.url).href

/** Keeps many new objects in several turns of the event loop, and prints the size of the young generation. */
const program = (connects: boolean) => `
  import { getHeapSpaceStatistics } from "node:v8"
  import { limit } from ${JSON.stringify(MODULE)}
  const kept = []
  limit(() => ${connects ? "kept.length" : "0"})
  for (let turn = 0; turn < 100; turn++) {
    for (let n = 0; n < 10_000; n++) kept.push({ n, list: [n] })
    await new Promise(setImmediate)
  }
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size)
`

const sizeOf = async (connects: boolean): Promise<number> => {
  const args = ["--no-warnings", "--input-type=module", "--eval", program(connects)]
  return Number((await promisify(execFile)(process.execPath, args)).stdout)
}

describe("YoungGeneration", () => {
  it("The young generation stays at its bound while clients connect, and grows without new clients.", async () => {
    expect(await sizeOf(false)).toBeGreaterThan(20_000_000)
    expect(await sizeOf(true)).toBeLessThan(20_000_000)
  })
})
