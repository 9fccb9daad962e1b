/**
 * Tests OpenClaw's Control UI, served by the gateway, in a browser: it connects, sends a message, shows the reply and
 * survives a reload. Needs a Chromium on this machine.
 */
import { existsSync } from "node:fs"
import { env } from "node:process"
import type { Check } from "../acceptance/Report.ts"
import type { Gateway } from "./Gateway.ts"
import { browserDriver } from "./Installations.ts"

const TIMEOUT_MS = 60_000

/** The used part of the driver's types. The driver is not a dependency of this project. */
interface Page {
  goto(url: string): Promise<unknown>
  locator(selector: string): { first(): { fill(text: string): Promise<void>; waitFor(): Promise<void> } }
  getByText(text: string): { first(): { waitFor(): Promise<void> } }
  readonly keyboard: { press(key: string): Promise<void> }
  setDefaultTimeout(ms: number): void
  on(event: "pageerror", listener: (error: Error) => void): void
}

interface Driver {
  readonly chromium: {
    launch(options: object): Promise<{ newPage(): Promise<Page>; version(): string; close(): Promise<void> }>
  }
}

export const chromiumPath = (): string | undefined =>
  [env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path !== undefined && existsSync(path),
  )

export const browser = async (
  executablePath: string,
  { token, url }: Gateway,
): Promise<{ readonly version: string; readonly checks: ReadonlyArray<Check> }> => {
  const { chromium }: Driver = await import(browserDriver())
  const running = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
  const page = await running.newPage()
  const errors: Array<string> = []
  page.setDefaultTimeout(TIMEOUT_MS)
  page.on("pageerror", (error) => errors.push(String(error)))
  const step = async (name: string, act: () => Promise<unknown>): Promise<Check> => {
    try {
      await act()
      return { name: `Control UI: ${name}`, problem: errors.length === 0 ? undefined : errors.join("\n") }
    } catch (error) {
      return { name: `Control UI: ${name}`, problem: [String(error), ...errors].join("\n") }
    }
  }
  const checks = [
    await step("connects", async () => {
      await page.goto(`${url}/chat#token=${token}`)
      await page.getByText("Connected").first().waitFor()
    }),
    await step("sends a message and shows the reply", async () => {
      await page.locator("textarea:visible").first().fill("hello from the browser")
      await page.keyboard.press("Enter")
      await page.getByText("echo: hello from the browser").first().waitFor()
    }),
    await step("comes back without the token in its address", async () => {
      await page.goto(`${url}/`)
      await page.goto(`${url}/chat`)
      await page.getByText("echo: hello from the browser").first().waitFor()
    }),
    await step("shows a page of its settings after a reload", async () => {
      await page.goto(`${url}/settings/devices`)
      await page.getByText("Devices").first().waitFor()
    }),
  ]
  const version = running.version()
  await running.close()
  return { version, checks }
}
