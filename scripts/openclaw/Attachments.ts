/**
 * Tests files with OpenClaw's clients: a picture travels from the Control UI to the model, and from the history back into
 * the page.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { deflateSync, crc32 } from "node:zlib"
import type { Page } from "playwright-core"
import type { FakeProvider } from "../../test/support/FakeProvider.ts"
import * as Checks from "../acceptance/Checks.ts"
import { openPage, sendFrom, signIn } from "./ControlUi.ts"
import { withModel } from "./Gateways.ts"

const { contains, equals } = Checks

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type), data])
  const length = Buffer.alloc(4)
  const sum = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** Makes a grey picture. Pictures of other `shade`s have other bytes. `level`: 0 does not compress. */
const picture = (width: number, height: number, shade: number, level = 9): Buffer => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.writeUInt8(8, 8)
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(width, shade)])
  const rows = Buffer.concat(Array.from({ length: height }, () => row))
  const signature = Buffer.from("89504e470d0a1a0a", "hex")
  const data = chunk("IDAT", deflateSync(rows, { level }))
  return Buffer.concat([signature, chunk("IHDR", header), data, chunk("IEND", Buffer.alloc(0))])
}

const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

/** Returns the hashes of the pictures in the newest message that the model has got. */
const hashesAt = ({ requests }: FakeProvider): ReadonlyArray<string> => {
  const content = requests.at(-1)?.body.messages.at(-1)?.["content"]
  if (!Array.isArray(content)) return []
  return content.flatMap(({ image_url }) =>
    image_url === undefined ? [] : [hash(Buffer.from(String(image_url.url).split(",")[1] ?? "", "base64"))],
  )
}

/** Waits until the page shows a picture of the name whose content has this width. */
const shown = async (page: Page, name: string, width: number) => {
  const image = page.locator(`img[alt="${name}"]`).first()
  await image.waitFor()
  await page.waitForFunction(
    ([image, width]) => (image as unknown as { readonly naturalWidth: number }).naturalWidth === width,
    [await image.elementHandle(), width] as const,
  )
}

/** Waits until the composer has read the file. */
const ready = (page: Page) => page.locator('.chat-attachment-thumb[aria-busy="false"]').first().waitFor()

interface Browser {
  readonly DataTransfer: new () => { readonly items: { add(file: File): void } }
}

/** Drops a file onto the composer, as a person does. */
const drop = async (page: Page, name: string, bytes: Buffer) => {
  const data = await page.evaluateHandle(
    ([name, base64]) => {
      const { DataTransfer } = globalThis as unknown as Browser
      const transfer = new DataTransfer()
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
      transfer.items.add(new File([bytes], name, { type: "image/png" }))
      return transfer
    },
    [name, bytes.toString("base64")] as const,
  )
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.locator("textarea:visible").first().dispatchEvent(type, { dataTransfer: data })
  }
  await ready(page)
}

export const attachments = Effect.gen(function* () {
  const { gateway, provider } = yield* withModel
  const { check, checks } = Checks.make()
  const using = yield* openPage
  const attach = (name: string, bytes: Buffer, mimeType = "image/png") =>
    using(async (page) => {
      await page.locator("input.agent-chat__file-input").setInputFiles({ name, mimeType, buffer: bytes })
      await ready(page)
    })
  const send = (text: string) =>
    using(async (page) => {
      await sendFrom(page, text)
      await page.getByText(`heard: ${text}`).first().waitFor()
    })
  const reload = using(async (page) => {
    await page.goto("about:blank")
    await page.goto(`${gateway.url}/chat`)
  })

  /** Sends a message with the picture, and expects the model to get the same bytes. */
  const reachesModel = (attaching: Effect.Effect<void>, text: string, bytes: Buffer) =>
    Effect.gen(function* () {
      yield* attaching
      yield* send(text)
      yield* equals(hashesAt(provider), [hash(bytes)])
    })
  const shownAfterReload = (name: string, width: number) =>
    Effect.andThen(
      reload,
      using((page) => shown(page, name, width)),
    )

  yield* using(signIn(gateway))
  const attached = picture(120, 90, 100)
  yield* check(
    "Control UI: an attached picture reaches the model, byte for byte",
    reachesModel(attach("attached.png", attached), "what is attached?", attached),
  )
  yield* check("Control UI: shows the picture of the history after a reload", shownAfterReload("attached.png", 120))
  const dropped = picture(110, 80, 200)
  const dropping = using((page) => drop(page, "dropped.png", dropped))
  yield* check(
    "Control UI: a dropped picture reaches the model, and stays in the history",
    Effect.andThen(reachesModel(dropping, "what is dropped?", dropped), shownAfterReload("dropped.png", 110)),
  )
  const large = picture(1_600, 1_500, 50, 0)
  yield* check(
    "Control UI: a picture of 2.4 MB reaches the model, and is shown after a reload",
    Effect.andThen(
      reachesModel(attach("large.png", large), "what is large?", large),
      shownAfterReload("large.png", 1_600),
    ),
  )
  yield* check(
    "Control UI: an attached text reaches the model as text",
    Effect.gen(function* () {
      yield* attach("notes.txt", Buffer.from("the meeting is at noon"), "text/plain")
      yield* using(async (page) => {
        await sendFrom(page, "when is the meeting?")
        // The reply repeats the file too.
        await page.getByText("the meeting is at noon").first().waitFor()
      })
      yield* contains(JSON.stringify(provider.requests.at(-1)?.body.messages.at(-1)), "the meeting is at noon")
    }),
  )
  return checks
})
