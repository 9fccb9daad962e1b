/** The memory of a gateway whose clients request much and read nothing. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { type GatewayProcess, start, temporaryFolder } from "../support/GatewayProcess.ts"

/** Returns the memory of a process in MB, now or at its peak. */
const memoryOf = (pid: number, of: "VmRSS" | "VmHWM"): number =>
  Number(new RegExp(`${of}:\\s+(\\d+) kB`).exec(Fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024

/** Starts a gateway with a memory folder of 8 MB, which `GET /api/files` returns as a whole. */
const withFiles = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  for (let day = 10; day < 18; day++) Fs.writeFileSync(join(folder, `2026-09-${day}.md`), "lorem ipsum ".repeat(87_000))
  return yield* start({ args: ["--memory-dir", folder] })
})

/** Sends a request and reads the status of the response only. */
const requestStatus = ({ port, token }: GatewayProcess, path: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly status: number; readonly socket: Socket }>((resume) => {
      const socket = connect({ port, host: "127.0.0.1", onread: { buffer: Buffer.alloc(12), callback: readStatus } })
      socket.on("error", () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      function readStatus(size: number, buffer: Buffer) {
        resume(Effect.succeed({ status: Number(buffer.toString("latin1", 9, size)), socket }))
        return false
      }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy()),
  )

describe.runIf(process.platform === "linux")("The memory of a gateway", () => {
  it.live("The gateway refuses responses beyond its memory when 100 clients request 8 MB each and read nothing.", () =>
    Effect.gen(function* () {
      const gateway = yield* withFiles
      const before = memoryOf(gateway.pid, "VmRSS")
      const responses = yield* Effect.all(
        Array.from({ length: 100 }, () => requestStatus(gateway, "/api/files")),
        { concurrency: "unbounded" },
      )
      const accepted = responses.filter(({ status }) => status === 200).length
      const peak = memoryOf(gateway.pid, "VmHWM") - before
      expect(responses.every(({ status }) => status === 200 || status === 429)).toBe(true)
      expect(accepted).toBeGreaterThanOrEqual(10)
      expect(accepted).toBeLessThan(24)
      // About 2,500 without the bound.
      expect(peak).toBeLessThan(900)
      // Closed connections hold no memory.
      for (const { socket } of responses) socket.destroy()
      const again = Effect.scoped(Effect.map(requestStatus(gateway, "/api/files"), ({ status }) => status))
      yield* Effect.repeat(again, { until: (status) => status === 200 })
    }),
  )
})
