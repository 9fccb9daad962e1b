/** Kills writers and the server under load. Nothing acknowledged is lost or doubled, and the order stays. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { once } from "node:events"
import type { KeptRow } from "../../../../src/services/storage/Storage.ts"
import { follow } from "../../../../src/services/storage/postgres/PostgresFollower.ts"
import { listen } from "../../../../src/services/storage/postgres/PostgresListener.ts"
import { open } from "../../../../src/services/storage/postgres/PostgresStorage.ts"
import { execute, server, withParameters } from "../../../support/Postgres.ts"
import type { PostgresServer } from "../../../support/PostgresServer.ts"
import * as SourcePrograms from "../../../support/SourcePrograms.ts"

/** Acknowledged works between two kills. */
const ACKNOWLEDGED = 64

/** How often each test kills. The environment raises it for a long run by hand. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 4)

/** Starts a writer. `acknowledges` waits for further acknowledgements. */
const startWriter = (url: string, name: string, acknowledged: Array<string>) => {
  const child = SourcePrograms.start("PostgresLoad.ts", [url, name])
  const exited = once(child, "exit")
  let rest = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = `${rest}${text}`.split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) if (line.startsWith("done ")) acknowledged.push(line.slice(5))
  })
  return {
    acknowledges: async (count: number) => {
      const target = acknowledged.length + count
      while (acknowledged.length < target) {
        await Promise.race([
          once(child.stdout, "data"),
          exited.then(() => {
            throw new Error("the writer has ended")
          }),
        ])
      }
    },
    kill: async () => {
      child.kill("SIGKILL")
      await exited
    },
  }
}

/** Checks the table and the follower against the acknowledgements. */
const expectNothingLost = Effect.fnUntraced(function* (
  url: string,
  acknowledged: ReadonlyArray<string>,
  followed: ReadonlyArray<KeptRow>,
) {
  const rows = yield* execute(url, "SELECT seq, event::json ->> 'agentId' AS id FROM events ORDER BY seq")
  const ids = rows.map(({ id }) => String(id))
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1))
  expect(new Set(ids).size).toBe(ids.length)
  const stored = new Set(ids)
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
  const documents = yield* execute(url, "SELECT count(*) AS n FROM documents")
  expect(documents[0]?.["n"]).toBe(ids.length)
  const last = new Map<string, number>()
  for (const id of ids) {
    const lane = id.slice(0, id.lastIndexOf("/"))
    const number = Number(id.slice(lane.length + 1))
    expect(number).toBe((last.get(lane) ?? -1) + 1)
    last.set(lane, number)
  }
  expect(followed.map(({ number }) => number)).toEqual(rows.map(({ seq }) => seq))
})

/** Follows the log on a node of its own, as long as the scope is open. */
const startFollower = Effect.fnUntraced(function* (url: string) {
  const followed: Array<KeptRow> = []
  const waiting = new Set<() => void>()
  const { health, postgres, storage } = yield* open({
    url: Redacted.make(url),
    retention: { rows: 1_000_000, ageMs: 1e12 },
    waitMs: 5_000,
  })
  const wake = yield* follow({
    read: (after, limit) => storage.page(undefined, after, Number.MAX_SAFE_INTEGER, limit),
    published: () => followed.at(-1)?.number ?? 0,
    publish: (rows) => {
      followed.push(...rows)
      for (const look of waiting) look()
    },
  })
  yield* listen({ postgres, health, onWake: wake })
  const reaches = (number: number) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        if ((followed.at(-1)?.number ?? 0) >= number) resume(Effect.void)
      }
      waiting.add(look)
      look()
      return Effect.sync(() => waiting.delete(look))
    })
  return { followed, reaches }
})

const rounds = Stream.range(1, ROUNDS)

const newest = (url: string) =>
  Effect.map(execute(url, "SELECT coalesce(max(seq), 0) AS seq FROM events"), ([row]) => Number(row?.["seq"]))

const test = (
  title: string,
  round: (round: number, writer: ReturnType<typeof startWriter>, server: PostgresServer) => Promise<void>,
  isWriterKilled: boolean,
) =>
  it.live(
    title,
    () =>
      Effect.gen(function* () {
        const started = yield* server()
        const url = withParameters(started.url, { schema: "crash" })
        const { followed, reaches } = yield* startFollower(url)
        const acknowledged: Array<string> = []
        const steady = startWriter(url, "steady", acknowledged)
        yield* Effect.addFinalizer(() => Effect.promise(steady.kill))
        yield* Stream.runForEach(rounds, (number) =>
          Effect.promise(async () => {
            const writer = isWriterKilled ? startWriter(url, `writer${number}`, acknowledged) : steady
            await writer.acknowledges(ACKNOWLEDGED)
            await round(number, writer, started)
          }),
        )
        yield* Effect.promise(() => steady.acknowledges(ACKNOWLEDGED))
        yield* Effect.promise(steady.kill)
        yield* reaches(yield* newest(url))
        yield* expectNothingLost(url, acknowledged, followed)
      }),
    ROUNDS * 30_000,
  )

describe("PostgreSQL under load", () => {
  test("Killed writers lose and double nothing.", (_, writer) => writer.kill(), true)

  test(
    "Restarts and crashes of the server lose and double nothing.",
    async (round, _, started) => {
      await started.stop(round % 2 === 0 ? "fast" : "immediate")
      await started.start()
    },
    false,
  )
})
