import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fs from "node:fs"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { StateFolder } from "../../../src/services/storage/StateFolder.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import { layer, principal } from "../../support/Conversations.ts"
import { hostile, limits } from "./HostileAttachments.ts"

const filesOf = (folder: string) =>
  Fs.existsSync(folder)
    ? Fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    : []

describe("Hostile attachments", () => {
  it("The table has forty of them.", () => {
    expect(hostile.length).toBeGreaterThanOrEqual(40)
  })

  it.live.each(hostile)(
    "A message with %s is refused as a whole, or kept as its content says.",
    ([, attachments, outcome]) =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const events = yield* Events
        const { attachmentsDir, folder } = yield* StateFolder
        const send = { text: "", sessionKey: "s", attachments, queue: "followup" as const }
        const exit = yield* Effect.exit(runs.accept(send, principal))
        const session = yield* events.read(Effect.flatMap(Tx, ({ sessions }) => sessions.get("s")))
        if ("refused" in outcome) {
          const error = yield* Effect.flip(exit)
          expect(error).toMatchObject({ _tag: "AttachmentRefused" })
          expect(error.message).toMatch(outcome.refused)
          // The whole message is refused, and no file is left.
          expect(session).toBeUndefined()
          expect(filesOf(attachmentsDir)).toEqual([])
        } else {
          expect(Exit.isSuccess(exit)).toBe(true)
          yield* runs.wait((yield* exit).runId, 10_000)
          const page = yield* events.read(Effect.flatMap(Tx, ({ messages }) => messages.page("s", 1e9, 10, 1_000)))
          expect(page.messages[0]?.attachments).toMatchObject([outcome.kept])
          // Whatever the name is, the file is where its content says.
          const [{ id } = { id: "" }] = page.messages[0]?.attachments ?? []
          expect(filesOf(attachmentsDir).map(({ name }) => name)).toEqual([id])
          expect(Fs.readdirSync(folder)).toEqual(["attachments"])
        }
      }).pipe(Effect.provide(layer({ config: { attachments: limits } }))),
  )
})
