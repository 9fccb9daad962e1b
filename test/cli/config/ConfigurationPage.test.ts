import { expect, it } from "@effect/vitest"
import { configurationPage } from "../../../src/cli/config/ConfigurationPage.ts"

/** After a change of the options: `npm test -- test/cli/config/ConfigurationPage.test.ts -u`. */
it("The page docs/configuration.md is the one that the options generate.", async () => {
  await expect(configurationPage()).toMatchFileSnapshot("../../../docs/configuration.md")
})
