/** Compares the references in docs/protocol with the output of scripts/references.ts. */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { references } from "../../scripts/references.ts"
import { ROOT } from "./SourceTree.ts"

describe("References", () => {
  for (const [path, content] of Object.entries(references())) {
    it(`${path} is up to date with the contract. If not, run npm run references.`, () => {
      expect(readFileSync(join(ROOT, path), "utf8")).toBe(content)
    })
  }
})
