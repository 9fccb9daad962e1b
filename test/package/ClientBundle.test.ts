/** The bundle that a browser loads to connect to a gateway. */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { join, relative } from "node:path"
import { gzipSync } from "node:zlib"
import { type OutputChunk, rolldown } from "rolldown"
import { root } from "../support/Package.ts"

const MAX_BYTES = 60 * 1_024

describe("The client bundle for browsers", () => {
  let chunk: OutputChunk
  const imported: Array<string> = []

  beforeAll(async () => {
    const bundle = await rolldown({ input: join(root, "src/client.ts"), platform: "browser", external: /^node:/ })
    const { output } = await bundle.generate({ format: "es", minify: true, codeSplitting: false })
    await bundle.close()
    chunk = output[0]
    imported.push(...chunk.imports)
  }, 60_000)

  it("The bundle has at most 60 KB, gzipped.", () => {
    const bytes = gzipSync(chunk.code, { level: 9 }).byteLength
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(MAX_BYTES)
  })

  it("The bundle contains no module of the server and none of Node.", () => {
    expect(imported).toEqual([])
    const modules = chunk.moduleIds.map((id) => relative(root, id))
    expect(modules).toContain("src/client/GatewayClient.ts")
    const foreign = modules.filter((id) => !/^src\/(client|domain)[/.]|node_modules\/effect\//.test(id))
    expect(foreign).toEqual([])
  })
})
