import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import { hash } from "node:crypto"
import * as Path from "node:path"
import type { Attachment } from "../../../src/domain/Attachment.ts"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { Attachments } from "../../../src/services/attachments/Attachments.ts"
import * as AttachmentSweep from "../../../src/services/attachments/AttachmentSweep.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { StateFolder } from "../../../src/services/storage/StateFolder.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { png, untilGone, upload } from "../../support/Files.ts"
import { staged } from "../../support/StagedRuntime.ts"

const picture = upload("a.png", png())
const note = upload("note.txt", "hello")

const messagesOf = (sessionKey: string) =>
  Effect.flatMap(Events, (events) =>
    Effect.map(
      events.read(Effect.flatMap(Tx, ({ messages }) => messages.page(sessionKey, 1e9, 100, 1_000_000))),
      ({ messages }) => messages,
    ),
  )

const send = Effect.fnUntraced(function* (
  sessionKey: string,
  attachments: ReadonlyArray<typeof note>,
  more: { readonly text?: string; readonly idempotencyKey?: string } = {},
) {
  const runs = yield* Runs
  const accepted = yield* runs.accept({ text: "", sessionKey, attachments, ...more }, principal)
  yield* runs.wait(accepted.runId, 10_000)
  return accepted
})

const isThere = (id: string) => Effect.map(Attachments, ({ pathOf }) => Fs.existsSync(pathOf(id)))

/** Waits for the removal of a file, which follows the removal of its messages. */
const gone = (id: string) => Effect.flatMap(Attachments, ({ pathOf }) => untilGone(pathOf(id)))

const idOf = Effect.fnUntraced(function* (sessionKey: string) {
  const [message] = yield* messagesOf(sessionKey)
  return message?.attachments?.[0]?.id ?? ""
})

const b = upload("b.txt", "b")
const big = upload("big", "x".repeat(51))

/** The result of a tool with files. */
const result = (files: ReadonlyArray<typeof note>): RuntimeEvent => ({
  _tag: "ToolEnded",
  callId: "1",
  output: "done",
  isError: false,
  files,
})

/** Files of the reply. */
const files = (...files: ReadonlyArray<typeof note>): RuntimeEvent => ({ _tag: "Files", files })

/** A gateway with an agent that says this, and with low limits. */
const withAgent = (...events: ReadonlyArray<RuntimeEvent>) => {
  const started: RuntimeEvent = { _tag: "ToolStarted", callId: "1", name: "draw", input: "{}" }
  const runtime: AgentRuntime = { name: "filer", models: [], run: () => Stream.fromIterable([started, ...events]) }
  const attachments = { maxBytes: 50, perMessage: 3 }
  return layer({ config: { runtime: "filer", runs: { replyChars: 4_096 }, attachments }, runtimes: [runtime] })
}

describe("Attachments", () => {
  it.live("A message refers to its files, and equal files are stored once.", () =>
    Effect.gen(function* () {
      yield* send("s", [picture, note])
      yield* send("t", [upload("other.png", png())], { text: "see this" })
      const [first] = yield* messagesOf("s")
      const [second] = yield* messagesOf("t")
      expect(first).toMatchObject({
        text: "",
        attachments: [
          { name: "a.png", type: "image/png", size: 33, width: 2, height: 3 },
          { name: "note.txt", type: "text/plain", size: 5 },
        ],
      })
      expect(second?.attachments?.[0]?.id).toBe(first?.attachments?.[0]?.id)
      const { read } = yield* Attachments
      expect(Buffer.from((yield* read(first!.attachments![1]!.id))!).toString()).toBe("hello")
      const { attachmentsDir } = yield* StateFolder
      const files = Fs.readdirSync(attachmentsDir, { recursive: true, withFileTypes: true })
      expect(files.filter((entry) => entry.isFile())).toHaveLength(2)
    }).pipe(Effect.provide(layer())),
  )

  it.live("Files are private to the user of the gateway.", () =>
    Effect.gen(function* () {
      yield* send("s", [note])
      const { pathOf } = yield* Attachments
      const file = pathOf(yield* idOf("s"))
      expect(Fs.statSync(file).mode & 0o777).toBe(0o600)
      expect(Fs.statSync(Path.dirname(file)).mode & 0o777).toBe(0o700)
    }).pipe(Effect.provide(layer())),
  )

  it.live("An id that is no hash reads no file.", () =>
    Effect.gen(function* () {
      const { read } = yield* Attachments
      for (const id of ["", "..", "../token", "a".repeat(64), `${"a".repeat(63)}/`])
        expect(yield* read(id)).toBeUndefined()
    }).pipe(Effect.provide(layer())),
  )

  it.live("A repeated key with the same files is the same message; with other files it is refused.", () =>
    Effect.gen(function* () {
      const more = { text: "look", idempotencyKey: "k" }
      yield* send("s", [note], more)
      expect((yield* send("s", [note], more)).duplicate).toBe(true)
      expect(yield* Effect.flip(send("s", [picture], more))).toMatchObject({ _tag: "IdempotencyConflict" })
      expect(yield* Effect.flip(send("s", [], more))).toMatchObject({ _tag: "IdempotencyConflict" })
      expect(yield* isThere(yield* idOf("s"))).toBe(true)
      // The refused file is not kept.
      const { attachmentsDir } = yield* StateFolder
      const files = Fs.readdirSync(attachmentsDir, { recursive: true, withFileTypes: true })
      expect(files.filter((entry) => entry.isFile())).toHaveLength(1)
    }).pipe(Effect.provide(layer())),
  )

  it.live("The deletion of a session removes the files that no other session has.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* send("s", [picture, note])
      yield* send("t", [picture])
      const [message] = yield* messagesOf("s")
      const [shared, own] = message!.attachments!.map(({ id }) => id)
      yield* sessions.remove("s")
      yield* gone(own!)
      expect(yield* isThere(shared!)).toBe(true)
      yield* sessions.reset("t")
      yield* gone(shared!)
    }).pipe(Effect.provide(layer())),
  )

  it.live("A message that waits keeps its file when an earlier session with it is deleted.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      yield* runs.accept({ text: "", sessionKey: "s", attachments: [note] }, principal)
      const running = yield* next
      yield* runs.accept({ text: "", sessionKey: "t", attachments: [note, picture] }, principal)
      yield* sessions.remove("s")
      yield* AttachmentSweep.removeUnused
      yield* AttachmentSweep.removeUnknown
      expect(yield* isThere(running.turn.attachments[0]!.id)).toBe(true)
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })

  it.live("A sweep during a send leaves the file that the send is about to commit.", () =>
    Effect.gen(function* () {
      const { keep } = yield* Attachments
      const written = yield* Deferred.make<Attachment>()
      const goOn = yield* Deferred.make<void>()
      const use = ([attachment]: ReadonlyArray<Attachment>) =>
        Effect.andThen(Deferred.succeed(written, attachment!), Deferred.await(goOn))
      const fiber = yield* Effect.forkChild(keep([note], use))
      const { id } = yield* Deferred.await(written)
      yield* AttachmentSweep.removeUnknown
      expect(yield* isThere(id)).toBe(true)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(fiber)
      // Nothing was committed, so the file does not stay.
      expect(yield* isThere(id)).toBe(false)
    }).pipe(Effect.provide(layer())),
  )

  it.live("A file that became used while the sweep looked stays.", () =>
    Effect.gen(function* () {
      const { remove } = yield* Attachments
      const choose = Effect.gen(function* () {
        yield* send("s", [note])
        // The answer of a look that is older than the message.
        return [yield* idOf("s")]
      })
      const services = yield* Effect.context<Events | Runs>()
      expect(yield* remove(Effect.provideContext(choose, services))).toEqual([])
      expect(yield* isThere(yield* idOf("s"))).toBe(true)
    }).pipe(Effect.provide(layer())),
  )

  it.live("The sweep removes files without a message, and old drafts, that a crash has left.", () =>
    Effect.gen(function* () {
      yield* send("s", [note])
      const { pathOf } = yield* Attachments
      const orphan = pathOf("ab".repeat(32))
      Fs.mkdirSync(Path.dirname(orphan), { recursive: true })
      Fs.writeFileSync(orphan, "x")
      const draft = Path.join(Path.dirname(orphan), ".draft.tmp")
      Fs.writeFileSync(draft, "x")
      const later = Effect.andThen(TestClock.setTime(Date.now() + 2 * 3_600_000), AttachmentSweep.removeUnknown)
      yield* AttachmentSweep.removeUnknown
      expect(Fs.existsSync(orphan)).toBe(false)
      expect(Fs.existsSync(draft)).toBe(true)
      yield* Effect.provide(later, TestClock.layer())
      expect(Fs.existsSync(draft)).toBe(false)
      expect(yield* isThere(yield* idOf("s"))).toBe(true)
    }).pipe(Effect.provide(layer())),
  )

  it.live("A message without files touches no folder.", () =>
    Effect.gen(function* () {
      yield* ask("hello", "s")
      const { attachmentsDir } = yield* StateFolder
      expect(Fs.existsSync(attachmentsDir)).toBe(false)
      expect((yield* messagesOf("s"))[0]).not.toHaveProperty("attachments")
    }).pipe(Effect.provide(layer())),
  )

  it.live("A message with files is no command, so that the agent gets them.", () =>
    Effect.gen(function* () {
      yield* send("s", [note], { text: "/help" })
      yield* send("s", [note], { text: "/new" })
      expect(yield* messagesOf("s")).toMatchObject([
        { text: "", attachments: [{ name: "note.txt" }] },
        { text: "echo: " },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.live("The files of a tool's result and of a reply belong to their messages, until the session is deleted.", () =>
    Effect.gen(function* () {
      yield* ask("draw", "s")
      const messages = yield* messagesOf("s")
      expect(messages).toMatchObject([
        { role: "user" },
        { role: "tool", text: "done", attachments: [{ name: "a.png", type: "image/png" }] },
        { role: "assistant", text: "Here.", attachments: [{ name: "note.txt" }, { name: "b.txt" }] },
      ])
      const { list } = yield* Attachments
      const files = (yield* list("s", { limit: 10 })).attachments
      expect(files.map(({ attachment, role }) => [role, attachment.name])).toEqual([
        ["assistant", "note.txt"],
        ["assistant", "b.txt"],
        ["tool", "a.png"],
      ])
      yield* AttachmentSweep.removeUnused
      yield* AttachmentSweep.removeUnknown
      for (const { attachment } of files) expect(yield* isThere(attachment.id)).toBe(true)
      yield* (yield* Sessions).remove("s")
      for (const { attachment } of files) yield* gone(attachment.id)
    }).pipe(Effect.provide(withAgent(result([picture]), { _tag: "Text", text: "Here." }, files(note), files(b)))),
  )

  it.live("A refused file of an agent leaves a note in its place, and the others are kept.", () =>
    Effect.gen(function* () {
      expect(yield* ask("draw", "s")).toMatchObject({ state: "done" })
      const [, tool, reply] = yield* messagesOf("s")
      const size =
        'attachment "big": exceeds size limit (51 > 50 bytes). Send a smaller file, or raise attachments.maxBytes'
      const count = "the message has 4 attachments, the limit is 3. Send fewer, or raise attachments.perMessage"
      expect(tool).toMatchObject({
        text: `done\n[A file is left out: ${size}]`,
        attachments: [{ name: "a.png" }, { name: "note.txt" }],
      })
      expect(reply).toMatchObject({
        text: `Here.\n[A file is left out: ${size}]\n\n[A file is left out: ${count}]\n`,
        attachments: [{ name: "note.txt" }, { name: "a.png" }],
      })
    }).pipe(
      Effect.provide(
        withAgent(result([picture, big, note]), { _tag: "Text", text: "Here." }, files(note, big), files(picture, b)),
      ),
    ),
  )

  it.live("The files of a run that fails are removed again.", () =>
    Effect.gen(function* () {
      expect(yield* ask("draw", "s")).toMatchObject({ state: "failed" })
      yield* gone(hash("sha256", "hello", "hex"))
      expect((yield* messagesOf("s")).map(({ role }) => role)).toEqual(["user"])
      // A runtime that breaks a rule fails its run.
    }).pipe(Effect.provide(withAgent(files(note), { _tag: "Text" } as RuntimeEvent))),
  )

  it.live("A run receives its files, and those of the messages that it takes over.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const accept = (name: string, queue: "steer" | "followup") =>
        runs.accept({ text: name, sessionKey: "s", attachments: [upload(name, name)], queue }, principal)
      yield* accept("first", "followup")
      const { turn } = yield* next
      expect(turn.attachments).toMatchObject([{ name: "first" }])
      yield* accept("second", "steer")
      expect(yield* turn.steering).toMatchObject([{ text: "second", attachments: [{ name: "second" }] }])
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })
})
