/** `GET /events` with the EventSource of a real browser, which resumes by itself. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type { Browser } from "playwright-core"
import * as Chromium from "../../support/Chromium.ts"
import * as GatewayProcess from "../../support/GatewayProcess.ts"
import { temporaryFolder } from "../../support/Package.ts"

const folder = temporaryFolder()
let browser: Browser

beforeAll(async () => {
  browser = await Chromium.launch(folder)
}, 120_000)

afterAll(async () => {
  await browser?.close()
  Fs.rmSync(folder, { recursive: true, force: true })
})

const inject = (gateway: GatewayProcess.GatewayProcess, text: string) =>
  gateway.cli("call", "chat.inject", JSON.stringify({ sessionKey: "page", text }))

describe("EventSource in Chromium", () => {
  it.live("A page gets every message once and in order, over a restart of the gateway.", () =>
    Effect.gen(function* () {
      const first = yield* GatewayProcess.start()
      const page = yield* Effect.acquireRelease(
        Effect.promise(() => browser.newPage()),
        (page) => Effect.promise(() => page.close()),
      )
      yield* Effect.promise(() => page.goto(`${first.url}/health`))
      yield* Effect.promise(() =>
        page.evaluate((token) => {
          const state: { texts: Array<string>; joined: number } = { texts: [], joined: 0 }
          Object.assign(globalThis, { state })
          const source = new EventSource(`/events?topics=chat&token=${token}`)
          source.addEventListener("joined", () => state.joined++)
          source.addEventListener("message.added", (event: any) =>
            state.texts.push(JSON.parse(event.data).event.message.text),
          )
        }, first.token),
      )
      const waitFor = (joined: number, texts: number) =>
        Effect.promise(() =>
          page.waitForFunction(
            ([joined, texts]) => {
              const { state } = globalThis as any
              return state.joined >= joined! && state.texts.length >= texts!
            },
            [joined, texts],
          ),
        )
      yield* waitFor(1, 0)
      yield* inject(first, "before")
      yield* waitFor(1, 1)
      first.signal("SIGTERM")
      yield* first.exit
      const second = yield* GatewayProcess.start({ stateDir: first.stateDir, port: first.port })
      yield* inject(second, "while the page was away")
      yield* waitFor(2, 2)
      yield* inject(second, "after")
      yield* waitFor(2, 3)
      const texts = yield* Effect.promise(() => page.evaluate(() => (globalThis as any).state.texts))
      expect(texts).toEqual(["before", "while the page was away", "after"])
    }).pipe(Effect.scoped),
  )
})
