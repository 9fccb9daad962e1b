import { expect, it } from "@effect/vitest"
import { once } from "node:events"
import { Writable } from "node:stream"
import { bounded } from "../../../src/cli/process/StandardStreams.ts"

it("A stream drops the lines above its bound and counts them when its target takes lines again.", async () => {
  const written: Array<string> = []
  let release: () => void = () => {}
  const target = new Writable({
    decodeStrings: false,
    write: (line: string, _, done) => {
      written.push(line)
      release = done
    },
  })
  const gaps: Array<number> = []
  const stream = bounded(target, (lines) => gaps.push(lines))
  const line = "x".repeat(100_000)
  for (let count = 0; count < 100; count++) stream.write(line)
  expect(target.writableLength).toBeLessThan(1_200_000)
  const drained = once(target, "drain")
  while (target.writableLength > 0) release()
  await drained
  expect(written.length).toBe(11)
  expect(gaps).toEqual([89])
})
