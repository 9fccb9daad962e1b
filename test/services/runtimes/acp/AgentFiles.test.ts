import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { layer } from "../../../support/AcpConversations.ts"
import { principal } from "../../../support/Conversations.ts"
import { base64, png, upload } from "../../../support/Files.ts"

/** Sends a picture and a text file, and returns the blocks that the agent got for them. */
const blocks = Effect.gen(function* () {
  const runs = yield* Runs
  const attachments = [upload("a.png", png()), upload("notes.md", "# Notes", "text/markdown")]
  const { runId } = yield* runs.accept({ text: "files", sessionKey: "s", attachments }, principal)
  const { reply = "[]" } = yield* runs.wait(runId, 10_000)
  return JSON.parse(reply) as ReadonlyArray<Record<string, unknown>>
})

describe("The files of a message for a command-line agent", () => {
  it.live("An agent that takes images gets a picture in the prompt and a link to the other file.", () =>
    Effect.gen(function* () {
      const [picture, link] = yield* blocks
      expect(picture).toMatchObject({ type: "image", mimeType: "image/png", data: base64(png()) })
      expect(link).toMatchObject({ type: "resource_link", name: "notes.md", mimeType: "text/markdown", size: 7 })
      expect(readFileSync(fileURLToPath(String(link?.["uri"])), "utf8")).toBe("# Notes")
    }).pipe(Effect.provide(layer({ mode: "images" }))),
  )

  it.live("An agent that takes no images gets links.", () =>
    Effect.gen(function* () {
      const [picture, link] = yield* blocks
      expect(picture).toMatchObject({ type: "resource_link", name: "a.png", mimeType: "image/png" })
      expect(link).toMatchObject({ type: "resource_link", name: "notes.md" })
      expect(readFileSync(fileURLToPath(String(picture?.["uri"])))).toEqual(png())
    }).pipe(Effect.provide(layer())),
  )
})
