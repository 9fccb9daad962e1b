import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { parse } from "yaml"
import { configOptions } from "../../../src/cli/config/ConfigOptions.ts"
import { configurationPage, examples } from "../../../src/cli/config/ConfigurationPage.ts"
import { settingsFrom } from "../../../src/cli/config/LoadConfig.ts"

describe("ConfigurationPage", () => {
  /** After a change of the options: `npm test -- test/cli/config/ConfigurationPage.test.ts -u`. */
  it("The page docs/configuration.md is the one that the options generate.", async () => {
    await expect(configurationPage()).toMatchFileSnapshot("../../../docs/configuration.md")
  })

  it("Every record has an example, which is a valid configuration.", () => {
    const records = configOptions.filter(({ fields }) => fields !== undefined).map(({ path }) => path.join("."))
    expect(Object.keys(examples).toSorted()).toEqual(records.toSorted())
    for (const example of Object.values(examples)) {
      const content: unknown = parse(example)
      const result = settingsFrom({ flags: {}, environment: {}, file: { name: "example", content } })
      expect(Result.isSuccess(result)).toBe(true)
    }
  })
})
