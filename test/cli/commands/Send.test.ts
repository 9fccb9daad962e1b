import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { StreamItem } from "../../../src/domain/Chat.ts"
import { cli, failure, open } from "../../support/CommandLine.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { png } from "../../support/Files.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(StreamItem))

/** A reply of minutes, its first words at once. */
const LONG = `/slow 120000 ${"word ".repeat(1_000)}`

layer(TestGateway.layer(), { excludeTestServices: true })("causeway send", (it) => {
  it.effect("The command prints the reply.", () =>
    Effect.gen(function* () {
      expect(yield* cli("send", "good", "morning")).toEqual({ code: 0, stdout: "echo: good morning\n", stderr: "" })
    }),
  )

  it.effect("The command prints each word as it arrives.", () =>
    Effect.gen(function* () {
      const send = yield* open("send", "--session", "long", LONG)
      yield* send.prints("echo: word word")
      expect(send.stdout().length).toBeLessThan(LONG.length)
    }),
  )

  it.effect("With --json the command prints each event on a line.", () =>
    Effect.gen(function* () {
      const { stdout } = yield* cli("send", "--json", "--session", "work", "hello")
      const items = stdout
        .trimEnd()
        .split("\n")
        .map((line) => decodeLine(line))
      expect(items[0]).toMatchObject({ _tag: "Accepted", sessionKey: "work", agentId: "main", duplicate: false })
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "done" } })
      const texts = items.flatMap((item) =>
        item._tag === "Event" && item.event._tag === "TextDelta" ? [item.event.text] : [],
      )
      expect(texts.join("")).toBe("echo: hello")
    }),
  )

  it.effect("A failed run and an unknown agent end the command with 1 and one line.", () =>
    Effect.gen(function* () {
      expect(yield* cli("send", "/fail now")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^causeway: the run failed: .+\n$/),
      })
      expect(failure(yield* cli("send", "--agent", "nobody", "hello"))).toEqual({
        code: 1,
        line: 'causeway: no agent "nobody" (see `causeway agents list`)',
      })
    }),
  )

  it.effect(
    "Files go with the message. One that is missing or too large ends the command before anything is sent.",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "cat.png")
        writeFileSync(file, png())
        const big = join(folder, "big.bin")
        writeFileSync(big, Buffer.alloc(22_000_000))
        const sent = yield* cli("send", "--session", "files", "--attach", file, "--attach", file, "look")
        expect(sent).toEqual({ code: 0, stdout: "echo: look\n", stderr: "" })
        const { messages } = yield* (yield* Sessions).history("files", { limit: 10 })
        expect(messages[0]?.attachments).toMatchObject([{ name: "cat.png", type: "image/png" }, { name: "cat.png" }])
        expect(failure(yield* cli("send", "--session", "none", "--attach", join(folder, "no"), "x"))).toEqual({
          code: 1,
          line: `causeway: the file ${join(folder, "no")} does not exist: nothing was sent`,
        })
        expect(failure(yield* cli("send", "--session", "none", "--attach", big, "x")).line).toMatch(
          /has 22000000 bytes, and \d+ fit into the message: send fewer or smaller files/,
        )
        expect((yield* Sessions).find("none")).toBeUndefined()
      }),
  )

  it.effect("A message without text is refused.", () =>
    Effect.gen(function* () {
      expect(failure(yield* cli("send", "")).code).toBe(2)
    }),
  )
})
