import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DOCUMENT_CHARS } from "../../../src/domain/Bounds.ts"
import type { GatewayEvent } from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Memory } from "../../../src/services/memory/Memory.ts"

const storage = Events.layer.pipe(
  Layer.provideMerge(Database.layerMemory),
  Layer.provideMerge(GatewayConfig.layer({ monitorIntervalMs: 5_000 })),
  Layer.provideMerge(NodeServices.layer),
)

interface Folder {
  readonly path: string
  readonly outside: string
  readonly put: (name: string, content: string) => void
}

/** A test with an empty memory folder beside a secret file. */
const inFolder = (
  test: (folder: Folder) => Effect.Effect<void, unknown, Memory | Events | Scope.Scope>,
): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    const root = Fs.mkdtempSync(join(tmpdir(), "causeway-memory-"))
    const path = join(root, "memory")
    const outside = join(root, "secret.md")
    Fs.writeFileSync(outside, "secret")
    const put = (name: string, content: string) => Fs.writeFileSync(join(path, name), content)
    return test({ path, outside, put }).pipe(
      Effect.scoped,
      Effect.provide(Memory.layerFolder(path)),
      Effect.provide(storage),
      Effect.ensuring(Effect.sync(() => Fs.rmSync(root, { recursive: true, force: true }))),
    )
  })

const next = (subscription: PubSub.Subscription<{ readonly event: GatewayEvent }>) =>
  Effect.map(PubSub.take(subscription), ({ event }) => event)

describe("Memory", () => {
  it.effect("A document is written and read back whole, in a folder that the gateway creates.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path }) {
        const memory = yield* Memory
        const written = yield* memory.write("2026-01-31", "# Täglich\n🙂")
        expect(yield* memory.read("2026-01-31")).toEqual({ ...written, content: "# Täglich\n🙂" })
        expect(written.size).toBe(Buffer.byteLength("# Täglich\n🙂"))
        expect(Fs.readdirSync(path)).toEqual(["2026-01-31.md"])
      }),
    ),
  )

  it.effect("New documents and folders are private under any umask, and a shared document stays shared.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path, put }) {
        const memory = yield* Memory
        const umask = process.umask(0)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(umask)))
        yield* memory.write("new", "1")
        yield* memory.write("made", "1", { create: true })
        put("shared.md", "1")
        Fs.chmodSync(join(path, "shared.md"), 0o664)
        process.umask(0o077)
        yield* memory.write("shared", "2")
        const modeOf = (name: string) => (Fs.statSync(join(path, name)).mode & 0o777).toString(8)
        expect(["new.md", "made.md", "shared.md"].map(modeOf)).toEqual(["600", "600", "664"])
        Fs.rmSync(path, { recursive: true })
        process.umask(0)
        yield* memory.write("again", "1")
        expect(["", "again.md"].map(modeOf)).toEqual(["700", "600"])
      }),
    ),
  )

  it.effect("Broken links and loops of links do not hide the other documents.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path }) {
        const memory = yield* Memory
        yield* memory.write("here", "1")
        Fs.symlinkSync("/nowhere/at-all.md", join(path, "broken.md"))
        Fs.symlinkSync("loop.md", join(path, "loop.md"))
        Fs.symlinkSync("here.md/below.md", join(path, "below.md"))
        expect((yield* memory.list).map(({ id }) => id)).toEqual(["here"])
      }),
    ),
  )

  it.effect("The list has Markdown files only, the most recently modified first.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path, put }) {
        const memory = yield* Memory
        for (const [name, time] of [
          ["old.md", 1],
          ["new.md", 3],
          ["middle.md", 2],
          ["note.txt", 4],
        ] as const) {
          put(name, name)
          Fs.utimesSync(join(path, name), time, time)
        }
        Fs.mkdirSync(join(path, "folder.md"))
        put(".hidden.md", "hidden")
        expect((yield* memory.list).map(({ id }) => id)).toEqual(["new", "middle", "old"])
      }),
    ),
  )

  it.effect("An unknown document is DocumentNotFound, and create refuses an existing one.", () =>
    inFolder(
      Effect.fnUntraced(function* () {
        const memory = yield* Memory
        expect(yield* Effect.flip(memory.read("a"))).toMatchObject({ _tag: "DocumentNotFound", id: "a" })
        yield* memory.write("a", "first", { create: true })
        expect(yield* Effect.flip(memory.write("a", "second", { create: true }))).toMatchObject({
          _tag: "DocumentExists",
          id: "a",
        })
        expect((yield* memory.read("a")).content).toBe("first")
        yield* memory.write("a", "third")
        expect((yield* memory.read("a")).content).toBe("third")
      }),
    ),
  )

  it.effect("Of two simultaneous creations of one document, one succeeds.", () =>
    inFolder(
      Effect.fnUntraced(function* () {
        const memory = yield* Memory
        const create = (content: string) => Effect.result(memory.write("a", content, { create: true }))
        const results = yield* Effect.all([create("1"), create("2")], { concurrency: 2 })
        expect(results.map(({ _tag }) => _tag).toSorted()).toEqual(["Failure", "Success"])
      }),
    ),
  )

  it.effect("A document that is too large is neither read nor written.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ put }) {
        const memory = yield* Memory
        put("large.md", "x".repeat(DOCUMENT_CHARS + 1))
        expect(yield* Effect.flip(memory.read("large"))).toMatchObject({
          _tag: "DocumentTooLarge",
          size: DOCUMENT_CHARS + 1,
        })
        expect(yield* Effect.flip(memory.write("a", "x".repeat(DOCUMENT_CHARS + 1)))).toMatchObject({
          _tag: "MemoryUnavailable",
        })
        const longest = "€".repeat(DOCUMENT_CHARS)
        yield* memory.write("a", longest)
        expect((yield* memory.read("a")).content).toBe(longest)
      }),
    ),
  )

  it.effect("A failed write leaves no temporary file.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path }) {
        const memory = yield* Memory
        Fs.mkdirSync(join(path, "taken.md"))
        expect(yield* Effect.flip(memory.write("taken", "x"))).toMatchObject({ _tag: "MemoryUnavailable" })
        expect(Fs.readdirSync(path)).toEqual(["taken.md"])
      }),
    ),
  )
})

describe("Memory folder", () => {
  const escapes = ["../secret", "..", ".", "", "a/b", "a\\b", "/etc/passwd", "..%2fsecret", ".hidden", "a\0b", "~", " "]

  it.effect.each(escapes)("The id %j does not leave the folder.", (id) =>
    inFolder(
      Effect.fnUntraced(function* ({ outside, path }) {
        const memory = yield* Memory
        expect(yield* Effect.flip(memory.read(id))).toMatchObject({ _tag: "DocumentNotFound" })
        expect(yield* Effect.flip(memory.write(id, "overwritten"))).toMatchObject({ _tag: "MemoryUnavailable" })
        expect(Fs.readFileSync(outside, "utf8")).toBe("secret")
        expect(Fs.readdirSync(path)).toEqual([])
      }),
    ),
  )

  it.effect("A link to a file outside is neither listed nor read, and a write replaces it.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ outside, path }) {
        const memory = yield* Memory
        Fs.symlinkSync(outside, join(path, "link.md"))
        expect(yield* memory.list).toEqual([])
        expect(yield* Effect.flip(memory.read("link"))).toMatchObject({ _tag: "DocumentNotFound" })
        yield* memory.write("link", "mine")
        expect(Fs.readFileSync(outside, "utf8")).toBe("secret")
        expect((yield* memory.read("link")).content).toBe("mine")
      }),
    ),
  )

  it.effect("A write to a dangling link creates no file outside.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ outside, path }) {
        const memory = yield* Memory
        Fs.symlinkSync(`${outside}.new`, join(path, "link.md"))
        yield* memory.write("link", "mine")
        expect(Fs.existsSync(`${outside}.new`)).toBe(false)
      }),
    ),
  )

  it.effect("A link within the folder counts as a document.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path, put }) {
        const memory = yield* Memory
        put("real.md", "content")
        Fs.symlinkSync("real.md", join(path, "alias.md"))
        expect((yield* memory.read("alias")).content).toBe("content")
      }),
    ),
  )
})

describe("Memory events", () => {
  it.live("A write publishes one event before it returns.", () =>
    inFolder(
      Effect.fnUntraced(function* () {
        const memory = yield* Memory
        const subscription = yield* (yield* Events).liveFeed
        const first = yield* memory.write("a", "1")
        expect(yield* PubSub.remaining(subscription)).toBe(1)
        expect(yield* next(subscription)).toEqual({ _tag: "MemoryChanged", document: first, isNew: true })
        // The file system reports the first write before the second, so a repeated event would come first.
        const second = yield* memory.write("b", "22")
        expect(yield* next(subscription)).toEqual({ _tag: "MemoryChanged", document: second, isNew: true })
        const again = yield* memory.write("b", "333")
        expect(yield* next(subscription)).toEqual({ _tag: "MemoryChanged", document: again, isNew: false })
      }),
    ),
  )

  it.live("A write publishes an event even if size and time of the file stay the same.", () =>
    inFolder(
      Effect.fnUntraced(function* () {
        const memory = yield* Memory
        const subscription = yield* (yield* Events).liveFeed
        for (let i = 10; i < 40; i++) yield* memory.write("same", `content ${i}`)
        const events = yield* Effect.forEach(Array.from({ length: 30 }), () => next(subscription))
        expect(events.every(({ _tag }) => _tag === "MemoryChanged")).toBe(true)
      }),
    ),
  )

  it.live("A change by another program is published when the file system reports it.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path, put }) {
        const subscription = yield* (yield* Events).liveFeed
        put("theirs.md", "hello")
        expect(yield* next(subscription)).toMatchObject({ _tag: "MemoryChanged", document: { id: "theirs", size: 5 } })
        Fs.rmSync(join(path, "theirs.md"))
        expect(yield* next(subscription)).toEqual({ _tag: "MemoryRemoved", id: "theirs" })
      }),
    ),
  )

  it.effect("The next comparison finds a change that the file system does not report.", () =>
    inFolder(
      Effect.fnUntraced(function* ({ path }) {
        const memory = yield* Memory
        yield* memory.write("a", "1")
        const subscription = yield* (yield* Events).liveFeed
        // The watcher does not follow a folder that is replaced.
        Fs.rmSync(path, { recursive: true })
        Fs.mkdirSync(path)
        Fs.writeFileSync(join(path, "b.md"), "2")
        yield* TestClock.adjust("6 seconds")
        const events = [yield* next(subscription), yield* next(subscription)]
        expect(events).toMatchObject([
          { _tag: "MemoryChanged", document: { id: "b" } },
          { _tag: "MemoryRemoved", id: "a" },
        ])
      }),
    ),
  )

  it.live("A start publishes exactly the changes during the downtime.", () =>
    Effect.gen(function* () {
      const root = Fs.mkdtempSync(join(tmpdir(), "causeway-memory-"))
      const run = <A, E>(effect: Effect.Effect<A, E, Memory>) =>
        Effect.provide(effect, Layer.fresh(Memory.layerFolder(root)))
      yield* run(
        Effect.flatMap(Memory, (memory) => Effect.andThen(memory.write("kept", "1"), memory.write("gone", "1"))),
      )
      Fs.rmSync(join(root, "gone.md"))
      const subscription = yield* (yield* Events).liveFeed
      yield* run(
        Effect.gen(function* () {
          expect(yield* next(subscription)).toEqual({ _tag: "MemoryRemoved", id: "gone" })
          yield* Effect.flatMap(Memory, (memory) => memory.write("new", "1"))
          expect(yield* next(subscription)).toMatchObject({ _tag: "MemoryChanged", document: { id: "new" } })
        }),
      )
    }).pipe(Effect.scoped, Effect.provide(storage)),
  )

  it.effect("A folder that cannot be created is a StartupError with its path.", () =>
    Effect.gen(function* () {
      const file = join(Fs.mkdtempSync(join(tmpdir(), "causeway-memory-")), "file")
      Fs.writeFileSync(file, "")
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Memory.layerFolder(join(file, "memory")))))
      expect(error).toMatchObject({ _tag: "StartupError" })
      expect(error.message).toContain(join(file, "memory"))
    }).pipe(Effect.provide(storage)),
  )
})
