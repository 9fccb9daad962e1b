/** Plays the curl commands of the docs against a gateway. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withModel } from "../support/ClientToolGateway.ts"
import { commandsIn } from "../support/Curl.ts"
import { png } from "../support/Files.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** The pages, and how many commands each has at least. */
const pages = {
  "http.md": 11,
  "openai.md": 2,
  "hooks.md": 1,
  "attachments.md": 1,
  "protocol/json-rpc.md": 1,
} as const

const HOOK_TOKEN = "token-of-the-hooks-of-the-tests"

describe("The curl commands of the docs", () => {
  it.live.each(Object.entries(pages))("Those of %s succeed.", ([page, count]) =>
    withModel(
      "openai",
      "text",
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          writeFileSync(join(folder, "cat.png"), png())
          const { token, url } = yield* TestGateway.TestGateway
          const text = readFileSync(join(import.meta.dirname, "../../docs", page), "utf8")
          const replace = [
            ["http://127.0.0.1:18789", url],
            ["$(cat ~/.causeway/token)", token],
            ["$TOKEN", token],
            ["$HOOK_TOKEN", HOOK_TOKEN],
          ] as const
          const commands = commandsIn(text, replace, folder)
          expect(commands.length).toBeGreaterThanOrEqual(count)
          for (const { init, text, url } of commands) {
            const first = yield* Effect.promise(async (signal) => {
              const response = await fetch(url, { ...init, signal })
              const reader = response.body!.getReader()
              const { value } = await reader.read()
              await reader.cancel()
              return { status: response.status, text: Buffer.from(value ?? []).toString() }
            })
            expect([first.status, first.text.length > 0], `${text}\n${first.text}`).toEqual([200, true])
          }
        }),
      { hooks: { token: HOOK_TOKEN } },
    ),
  )
})
