/**
 * Tests OpenClaw's Control UI, served by the gateway, in a browser: it connects, sends a message, shows the reply and
 * survives a reload. The other tests of OpenClaw's clients open it with this module.
 */
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import * as Chromium from "../../test/support/Chromium.ts"
import type { GatewayProcess } from "../../test/support/GatewayProcess.ts"
import * as Checks from "../acceptance/Checks.ts"
import { home } from "../acceptance/Installation.ts"
import { echoing } from "./Gateways.ts"

const TIMEOUT_MS = 60_000

const browser = Effect.acquireRelease(
  Effect.promise(() => Chromium.launch(home())),
  (browser) => Effect.promise(() => browser.close()),
)

/** Opens a page in a new profile of a new browser. The function that it returns uses the page, and dies with its errors. */
export const openPage = Effect.gen(function* () {
  const chromium = yield* browser
  const page = yield* Effect.promise(() => chromium.newPage())
  const errors: Array<string> = []
  page.setDefaultTimeout(TIMEOUT_MS)
  page.on("pageerror", (error) => errors.push(String(error)))
  return <A>(act: (page: Page) => Promise<A>): Effect.Effect<A> =>
    Effect.promise(async () => {
      try {
        const value = await act(page)
        if (errors.length > 0) throw new Error("the page has errors")
        return value
      } catch (error) {
        throw new Error([String(error), ...errors].join("\n"), { cause: error })
      }
    })
})

/** Signs in with the token in the address, as the gateway's link does. */
export const signIn =
  ({ token, url }: GatewayProcess) =>
  async (page: Page) => {
    await page.goto(`${url}/chat#token=${token}`)
    await page.getByText("Connected").first().waitFor()
  }

export const sendFrom = async (page: Page, text: string) => {
  await page.locator("textarea:visible").first().fill(text)
  await page.keyboard.press("Enter")
}

export const controlUi = Effect.gen(function* () {
  const gateway = yield* echoing
  const { check, checks } = Checks.make()
  const using = yield* openPage
  const { url } = gateway
  yield* check("Control UI: connects", using(signIn(gateway)))
  yield* check(
    "Control UI: sends a message and shows the reply",
    using(async (page) => {
      await sendFrom(page, "hello from the browser")
      await page.getByText("echo: hello from the browser").first().waitFor()
    }),
  )
  yield* check(
    "Control UI: comes back without the token in its address",
    using(async (page) => {
      await page.goto(`${url}/`)
      await page.goto(`${url}/chat`)
      await page.getByText("echo: hello from the browser").first().waitFor()
    }),
  )
  yield* check(
    "Control UI: shows a page of its settings after a reload",
    using(async (page) => {
      await page.goto(`${url}/settings/devices`)
      await page.getByText("Devices").first().waitFor()
    }),
  )
  return checks
})
