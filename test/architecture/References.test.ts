/** The references in docs/protocol are those that the contract makes. */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { references } from "../../scripts/references.ts"

const root = resolve(import.meta.dirname, "../..")

describe("the references", () => {
  for (const [path, content] of Object.entries(references())) {
    it(`${path} is what the contract says; if not, run npm run references`, () => {
      expect(readFileSync(join(root, path), "utf8")).toBe(content)
    })
  }
})
