/** MissionControl: file sync with the documents of the memory folder. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const time = expect.any(Number)
const position = { epoch: expect.any(String), seq: expect.any(Number) }

const memoryDir = Effect.map(Gateway.TestGateway, ({ stateDir }) => join(stateDir, "memory"))

const gateway = (options: Gateway.TestGatewayOptions) => layer(Gateway.layer(options), { excludeTestServices: true })

const document = (date: string, content: string) => ({ id: date, date, content, lastModified: time })

// A gateway of its own: the events of its documents come later.
gateway({ monitorIntervalMs: 20 })("MissionControl memories", (it) => {
  it.effect("The list of memories has the newest ten documents, each cut to 5000 characters.", () =>
    Effect.gen(function* () {
      const folder = yield* memoryDir
      for (let i = 0; i < 12; i++) {
        Fs.writeFileSync(join(folder, `day-${i}.md`), "x".repeat(6_000))
        Fs.utimesSync(join(folder, `day-${i}.md`), 1_000 + i, 1_000 + i)
      }
      const client = yield* MissionClient.open()
      client.send({ type: "request", resource: "memory" })
      const { payload } = yield* client.next
      expect(payload.memories).toEqual(
        Array.from({ length: 10 }, (_, i) => ({
          ...document(`day-${11 - i}`, "x".repeat(5_000)),
          lastModified: (1_011 - i) * 1_000,
        })),
      )
    }),
  )
})

gateway({ monitorIntervalMs: 20 })("MissionControl files", (it) => {
  it.effect("Each channel shows documents that another program writes, changes and removes.", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDir, "2026-02-22.md")
      const file = { ...document("2026-02-22", "## Plan\n- [ ] HIGH: go\n"), tasks: [time], memories: [time] }
      const client = yield* MissionClient.subscribed("memory", "files", "tasks", "memories")
      Fs.writeFileSync(path, "## Plan\n- [ ] HIGH: go\n")
      const added = yield* client.until(({ type }) => type === "memories")
      expect(added.map(({ type }) => type)).toEqual(["memory_update", "file_add", "tasks", "memories"])
      expect(added[0]).toEqual({
        type: "memory_update",
        payload: document("2026-02-22", "## Plan\n- [ ] HIGH: go\n"),
        timestamp: time,
      })
      // Only the second frame has a position, so a client that received only the first gets both again.
      expect(added[1]!.position).toEqual(position)
      expect(added[1]!.payload.file).toEqual({ ...file, tasks: [expect.any(Object)], memories: [expect.any(Object)] })
      expect(added[2]!.payload.tasks).toMatchObject([{ title: "HIGH: go", priority: "high", status: "todo" }])
      expect(added[3]!.payload.memories).toMatchObject([
        { title: "Plan", content: "- [ ] HIGH: go", date: "2026-02-22T00:00:00.000Z" },
      ])

      Fs.appendFileSync(path, "- [x] LOW: rest\n")
      const changed = yield* client.until(({ type }) => type === "memories")
      expect(changed.map(({ type }) => type)).toEqual(["memory_update", "file_change", "tasks", "memories"])
      expect(changed[1]!.payload.file.tasks).toMatchObject([{ status: "todo" }, { status: "done", priority: "low" }])

      Fs.rmSync(path)
      const removed = yield* client.until(({ type }) => type === "memories")
      expect(removed.map(({ type }) => type)).toEqual(["file_delete", "memory", "tasks", "memories"])
      expect(removed[0]).toEqual({ type: "file_delete", payload: { date: "2026-02-22" }, timestamp: time, position })
      expect(removed[2]!.payload).toEqual({ tasks: [] })
    }),
  )

  it.effect("A client that writes a file gets a confirmation and the new file.", () =>
    Effect.gen(function* () {
      const folder = yield* memoryDir
      const client = yield* MissionClient.subscribed("files")
      /** Returns the answer and the frame of the file, in the order of their types. */
      const both = Effect.fnUntraced(function* (message: object) {
        client.send(message)
        const messages = yield* client.take(2)
        return messages.toSorted((a, b) => (a.type < b.type ? -1 : 1)).map(({ payload, type }) => ({ type, payload }))
      })
      const date = "2026-03-01"
      expect(yield* both({ type: "create_file", date, template: "# made" })).toMatchObject([
        { type: "create_complete", payload: { date, success: true } },
        { type: "file_add", payload: { file: { date, content: "# made" } } },
      ])
      client.send({ type: "create_file", date, template: "# made again" })
      expect(yield* client.next).toEqual({
        type: "create_complete",
        payload: { date, success: false, error: "File already exists" },
      })
      expect(yield* both({ type: "write_file", date, content: "# written" })).toMatchObject([
        { type: "file_change", payload: { file: { date, content: "# written" } } },
        { type: "write_complete", payload: { date, success: true } },
      ])
      expect(Fs.readFileSync(join(folder, `${date}.md`), "utf8")).toBe("# written")
      client.send({ type: "request", resource: "file", date })
      expect(yield* client.next).toMatchObject({ type: "file", payload: { date, file: { content: "# written" } } })
      expect(yield* both({ type: "create_file", date: "2026-03-02" })).toMatchObject([
        { type: "create_complete", payload: { date: "2026-03-02", success: true } },
        { type: "file_add", payload: { file: { content: expect.stringMatching(/^# 2026-03-02\n/) } } },
      ])
    }),
  )

  it.effect("A missing file is null.", () =>
    Effect.gen(function* () {
      const client = yield* MissionClient.open()
      client.send({ type: "request", resource: "file", date: "1999-01-01" })
      expect(yield* client.next).toEqual({
        type: "file",
        payload: { date: "1999-01-01", file: null },
        timestamp: time,
      })
    }),
  )

  it.effect("No date leads out of the memory folder.", () =>
    Effect.gen(function* () {
      const folder = yield* memoryDir
      Fs.writeFileSync(join(folder, "../outside.md"), "secret")
      Fs.symlinkSync(join(folder, "../outside.md"), join(folder, "link.md"))
      const client = yield* MissionClient.open()
      for (const date of [
        "../outside",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a/b",
        "a\\..\\b",
        "..\u2215outside",
        "a\0b",
        ".hidden",
        "x".repeat(200),
      ]) {
        client.send({ type: "write_file", date, content: "stolen" })
        expect(yield* client.next).toEqual({
          type: "write_complete",
          payload: { date: date.slice(0, 100), success: false, error: "Invalid date" },
        })
        client.send({ type: "create_file", date })
        expect(yield* client.next).toMatchObject({ type: "create_complete", payload: { success: false } })
        client.send({ type: "request", resource: "file", date })
        expect(yield* client.next).toEqual({ type: "error", payload: { message: "Invalid date" } })
      }
      // A link that leads out of the folder is not a document.
      client.send({ type: "request", resource: "file", date: "link" })
      expect((yield* client.next).payload).toEqual({ date: "link", file: null })
      expect(Fs.readFileSync(join(folder, "../outside.md"), "utf8")).toBe("secret")
      expect(Fs.readdirSync(folder).filter((name) => !/^(day-\d+|2026-[\d-]+|link)\.md$/.test(name))).toEqual([])
    }),
  )
})
