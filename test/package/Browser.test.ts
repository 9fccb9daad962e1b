/** The example page in a real browser. Its pages are not secure contexts, so the client works without features of those. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Browser, Page } from "playwright-core"
import * as Chromium from "../support/Chromium.ts"
import { root, temporaryFolder } from "../support/Package.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** A host that the browser takes for another machine. */
const SITE = "app.example"

const folder = temporaryFolder()
let browser: Browser
let served: ChildProcess
let port: string

beforeAll(async () => {
  served = spawn(process.execPath, [join(root, "examples/browser/serve.ts")], {
    env: { PATH: process.env["PATH"], PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  })
  for await (const line of createInterface({ input: served.stdout! })) {
    port = new URL(line).port
    break
  }
  browser = await Chromium.launch(folder, `--host-resolver-rules=MAP ${SITE} 127.0.0.1`)
}, 120_000)

afterAll(async () => {
  await browser?.close()
  served.kill()
  if (served.exitCode === null && served.signalCode === null) await once(served, "close")
  Fs.rmSync(folder, { recursive: true, force: true })
})

/** Opens the page of a host with the address of the gateway. */
const open = (host: string, use: (page: Page) => Promise<void>) =>
  Effect.gen(function* () {
    const { token, wsUrl } = yield* TestGateway.TestGateway
    const page = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newPage()),
      (page) => Effect.promise(() => page.close()),
    )
    yield* Effect.promise(async () => {
      await page.goto(`http://${host}:${port}/#gateway=${wsUrl}/rpc&token=${token}`)
      await use(page)
    })
  }).pipe(Effect.scoped)

const state = (page: Page, text: string | RegExp) => page.getByRole("status").filter({ hasText: text }).waitFor()

const chat = async (page: Page) => {
  await state(page, /^connected/)
  await page.getByLabel("message").fill("hello from a page")
  await page.getByRole("button").click()
  await page.locator(".agent", { hasText: "echo: hello from a page" }).waitFor()
}

describe("examples/browser", () => {
  it.live("A page on this machine chats with an agent through the typed client.", () =>
    open("127.0.0.1", chat).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("A page of a foreign site gets no connection.", () =>
    open(SITE, async (page) => {
      await state(page, "the gateway cannot be reached")
      expect(await page.locator(".agent").count()).toBe(0)
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("A page of a configured site chats with an agent.", () =>
    Effect.suspend(() =>
      open(SITE, chat).pipe(Effect.provide(TestGateway.layer({ allowedOrigins: [`http://${SITE}:${port}`] }))),
    ),
  )
})
