/**
 * Measures how long large pieces of work hold up all others: the longest pause of the gateway's event loop during a frame of
 * 4 MiB, a page of a history of 100,000 messages, and the reset of that session. Isolation.ts uses it.
 */
import { openSqlite } from "../Databases.ts"
import { ALONE, type Effort, figure, type Result } from "../Compare.ts"
import { frame, type Line } from "../Line.ts"
import { fill, SESSION_OF_MESSAGES } from "../StoredSessions.ts"
import { startGateway } from "../Targets.ts"
import { request } from "../wires/Rpc.ts"
import { setTimeout as sleep } from "node:timers/promises"

const MESSAGES = 100_000
const PAGE = 1_000

/** Slightly less than 4 MiB. */
const FRAME_BYTES = 4_190_000

/** The rows of a reset are deleted after its answer. */
const AFTER_MS = 500

/** The filling of a session takes seconds, so it is done a few times only. */
const ROUNDS = 3

const ping = (payload: string): string => request(1, "ping", { payload: 0 }).replace(`"payload":0`, () => payload)

/** The frames are made before the measurement, because they take the load generator's time. */
const piecesOf = (bytes: number) => ({
  "a frame of 4 MiB with one text": ping(`"text":"${"x".repeat(bytes)}"`),
  "a frame of 4 MiB with two million numbers": ping(`"numbers":[0${",0".repeat(bytes / 2)}]`),
  "a page of 1,000 messages": request(1, "sessions.history", { key: SESSION_OF_MESSAGES, limit: PAGE }),
  "a reset of 100,000 messages": request(1, "sessions.reset", { key: SESSION_OF_MESSAGES }),
})

const send = (line: Line, sent: Buffer) => async () => {
  await line.exchange(sent, `"Exit"`, 1)
  await sleep(AFTER_MS)
}

export const pauses = async ({ rounds, scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const alone: Array<number> = []
  const pieces = Object.entries(piecesOf(FRAME_BYTES * scale)).map(([name, text]) => [name, frame(text)] as const)
  const longest = new Map(pieces.map(([piece]): [string, Array<number>] => [piece, []]))
  for (let round = 0; round < Math.min(rounds, ROUNDS); round++) {
    const database = openSqlite()
    await fill(database, { sessions: 1, messages: Math.ceil(MESSAGES * scale), events: 0 })
    const server = await startGateway(database.options)
    const line = await server.open()
    alone.push(await server.pauseDuring(() => sleep(AFTER_MS)))
    for (const [piece, sent] of pieces) longest.get(piece)!.push(await server.pauseDuring(send(line, sent)))
    await server.stop()
  }
  return [...longest].map(([piece, values]) => ({
    work: `pause of the event loop during ${piece}, longest`,
    unit: "ms",
    figures: [figure(ALONE, alone), figure("causeway", values)],
    goal: { value: 10 },
  }))
}
