/** The files of messages on their way to a provider on a real HTTP server, in both dialects. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { GatewayClient } from "../../../../src/client/GatewayClient.ts"
import * as Gateway from "../../../../src/Gateway.ts"
import { Attachments } from "../../../../src/services/attachments/Attachments.ts"
import type * as AgentTool from "../../../../src/services/tools/AgentTool.ts"
import { Tools } from "../../../../src/services/tools/Tools.ts"
import type { FakeProvider } from "../../../support/FakeProvider.ts"
import * as Fake from "../../../support/FakeProvider.ts"
import { base64, png, upload } from "../../../support/Files.ts"
import { client, layer } from "../../../support/TestGateway.ts"

const pdf = "%PDF-1.4\n\0"

/** Returns two pictures, or one that is refused. */
const camera: AgentTool.AgentTool = {
  name: "camera",
  description: "Takes a picture.",
  source: "test",
  permission: "allow",
  parameters: () => ({ type: "object" }),
  run: (input) => {
    const { name } = input as { readonly name: string }
    const bytes = name === "large.png" ? Buffer.concat([png(), Buffer.alloc(7_000_000)]) : png(7, 7)
    return Effect.succeed({ text: `took ${name}`, files: [{ name, bytes }] })
  },
}

/** A client of a gateway with a model that reads `input`. */
const withModel = <A, E>(
  kind: Fake.Dialect,
  input: ReadonlyArray<"image" | "pdf"> | undefined,
  use: (fake: FakeProvider) => Effect.Effect<A, E, Attachments | GatewayClient>,
) =>
  Effect.gen(function* () {
    const fake = yield* Fake.make
    fake.script("seeing", async (answer, { body, results }) => {
      const asksForPictures = JSON.stringify(body.messages.at(-1)).includes("take a picture")
      if (asksForPictures && results.length === 0) {
        await answer.tool("call_1", "camera", '{"name":"one.png"}')
        await answer.tool("call_2", "camera", '{"name":"large.png"}')
        return answer.end("tools")
      }
      await answer.text("I see")
      return answer.end()
    })
    const model = { id: "seeing", ...(input !== undefined && { input }) }
    const provider = { kind, baseUrl: fake.baseUrl[kind], apiKey: "sk-test-key", models: [model] }
    const gateway = layer({
      model: "fake/seeing",
      providers: { fake: provider },
      runtimes: Layer.mergeAll(Gateway.parts.runtimes, Tools.add(camera)),
    })
    return yield* Effect.provide(use(fake), client.pipe(Layer.provideMerge(gateway)))
  }).pipe(Effect.scoped)

const send = Effect.fnUntraced(function* (text: string, attachments: ReadonlyArray<ReturnType<typeof upload>> = []) {
  const { calls } = yield* GatewayClient
  const { runId } = yield* calls["chat.send"]({ text, sessionKey: "s", attachments })
  expect(yield* calls["runs.wait"]({ runId })).toMatchObject({ state: "done", reply: "I see" })
})

/** Returns the content of the user's messages in a request. */
const contents = (fake: FakeProvider, request: number) =>
  fake.requests[request]!.body.messages.filter(({ role }) => role === "user").map(({ content }) => content)

const image = base64(png())

const shapes = {
  openai: {
    image: { type: "image_url", image_url: { url: `data:image/png;base64,${image}` } },
    pdf: { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${base64(pdf)}` } },
  },
  anthropic: {
    image: { type: "image", source: { type: "base64", media_type: "image/png", data: image } },
    pdf: { type: "document", source: { type: "base64", media_type: "application/pdf", data: base64(pdf) } },
  },
}

const REFUSED =
  '[A file is left out: attachment "large.png": image exceeds size limit (7000033 > 6291456 bytes). Send a smaller image, or raise attachments.maxImageBytes]'

/** Returns the messages with the results of the tools in a request. */
const resultsIn = (fake: FakeProvider, request: number) => {
  const { messages } = fake.requests[request]!.body
  const first = messages.findIndex(({ role }) => role === "assistant") + 1
  const next = messages.findIndex(({ role }, index) => role === "assistant" && index > first)
  return messages.slice(first, next === -1 ? undefined : next)
}

const shot = base64(png(7, 7))

const withResults = {
  openai: [
    { role: "tool", content: 'took one.png\n[The next message shows the file "one.png".]' },
    { role: "tool", content: `took large.png\n${REFUSED}` },
    {
      role: "user",
      content: [
        { type: "text", text: '[The tool camera returned the file "one.png":]' },
        { type: "image_url", image_url: { url: `data:image/png;base64,${shot}` } },
      ],
    },
  ],
  anthropic: [
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          content: [
            { type: "text", text: "took one.png" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: shot } },
          ],
        },
        { type: "tool_result", content: `took large.png\n${REFUSED}` },
      ],
    },
  ],
}

describe.each(["openai", "anthropic"] as const)("The files of messages with the dialect %s", (dialect) => {
  it.live("A model that reads pictures and documents gets them, also in later runs.", () =>
    withModel(dialect, ["image", "pdf"], (fake) =>
      Effect.gen(function* () {
        yield* send("look", [upload("a.png", png()), upload("a.pdf", pdf)])
        const { image, pdf: document } = shapes[dialect]
        expect(contents(fake, 0)).toMatchObject([[image, document, { type: "text", text: "look" }]])
        yield* send("again")
        expect(contents(fake, 1)[0]).toMatchObject([image, document, { type: "text", text: "look" }])
        const { calls } = yield* GatewayClient
        const { messages } = yield* calls["sessions.history"]({ key: "s" })
        expect(messages[0]?.attachments).toMatchObject([
          { name: "a.png", type: "image/png", size: 33 },
          { name: "a.pdf", type: "application/pdf" },
        ])
        // History has references only.
        expect(JSON.stringify(messages)).not.toContain(base64(png()))
      }),
    ),
  )

  it.live("A model that reads texts only gets a description, and the content of a text file.", () =>
    withModel(dialect, undefined, (fake) =>
      Effect.gen(function* () {
        yield* send("look", [upload("a.png", png()), upload("notes.txt", "remember the milk")])
        const sent = JSON.stringify(contents(fake, 0))
        expect(sent).toContain('[Attached file: \\"a.png\\", image/png, 33 bytes] You cannot see its content.')
        expect(sent).toContain("remember the milk")
        expect(sent).not.toContain(image)
      }),
    ),
  )

  it.live("A prompt has the ten newest pictures and describes the older ones.", () =>
    withModel(dialect, ["image"], (fake) =>
      Effect.gen(function* () {
        const files = Array.from({ length: 12 }, (_, n) => upload(`${n}.png`, png(n + 1, 1)))
        yield* send("one", files.slice(0, 6))
        yield* send("two", files.slice(6))
        const sent = JSON.stringify(contents(fake, 1))
        expect(sent.match(/You cannot see its content/g)).toHaveLength(2)
        expect(sent).toContain(base64(png(12, 1)))
      }),
    ),
  )

  it.live("A run goes on without a file that is gone.", () =>
    withModel(dialect, ["image"], (fake) =>
      Effect.gen(function* () {
        yield* send("look", [upload("a.png", png())])
        const { calls } = yield* GatewayClient
        const { messages } = yield* calls["sessions.history"]({ key: "s" })
        const { pathOf } = yield* Attachments
        Fs.rmSync(pathOf(messages[0]!.attachments![0]!.id))
        yield* send("again")
        expect(JSON.stringify(contents(fake, 1))).toContain("The gateway no longer has it.")
      }),
    ),
  )

  it.live("A model that reads pictures gets those of a tool's result, at once and in later runs.", () =>
    withModel(dialect, ["image"], (fake) =>
      Effect.gen(function* () {
        yield* send("take a picture")
        yield* send("again")
        const { calls } = yield* GatewayClient
        const { messages } = yield* calls["sessions.history"]({ key: "s" })
        const tools = messages.filter(({ role }) => role === "tool")
        expect(tools).toMatchObject([{ text: "took one.png", attachments: [{ name: "one.png", width: 7 }] }, {}])
        expect(tools[1]?.text).toBe(`took large.png\n${REFUSED}`)
        expect(tools[1]).not.toHaveProperty("attachments")
        for (const request of [1, 2]) expect(resultsIn(fake, request)).toMatchObject(withResults[dialect])
      }),
    ),
  )

  it.live("A model that reads texts only gets a description of the file in a tool's result.", () =>
    withModel(dialect, undefined, (fake) =>
      Effect.gen(function* () {
        yield* send("take a picture")
        const sent = JSON.stringify(resultsIn(fake, 1))
        expect(sent).toContain('[Attached file: \\"one.png\\", image/png, 33 bytes] You cannot see its content.')
        expect(sent).not.toContain(base64(png(7, 7)))
      }),
    ),
  )
})
