/**
 * Measures how much some cost all others: the latency of `health` beside 20 runs that misbehave, and that of `ping` of 500
 * clients beside one that does not read, and one that sends without a pause. Pauses.ts adds the pauses of large pieces of
 * work.
 */
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { clientOf, turn } from "../Client.ts"
import type { Effort, Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import { type Beside, call, look, troubled } from "../Look.ts"
import type { Misdeed } from "../servers/Deeds.ts"
import { SESSION } from "../servers/Item.ts"
import { startGateway, startRuntimes } from "../Targets.ts"
import { request } from "../wires/Rpc.ts"
import { pauses } from "./Pauses.ts"

const BAD_RUNS = 20
const CLIENTS = 500

/** A run that ends is sent again after this time. */
const AGAIN_MS = 100

/** Messages for the client that does not read: 3 MB a second, so that its outbox is full within two seconds. */
const MESSAGE = "x".repeat(32_768)
const MESSAGE_MS = 10

/** Keeps the bad runs running during the calls. */
const besideRuns =
  (misdeeds: ReadonlyArray<Misdeed>): Beside =>
  (server) =>
  async (calls) => {
    const gateway = clientOf(server)
    const sessions = Array.from({ length: BAD_RUNS }, (_, i) => `bad-${i}`)
    const over = new AbortController()
    const runs = sessions.map(async (sessionKey, i) => {
      while (!over.signal.aborted) {
        await turn(gateway, sessionKey, misdeeds[i % misdeeds.length]!)
        await sleep(AGAIN_MS)
      }
    })
    const samples = await calls()
    over.abort()
    const ended = Promise.all(runs).then(() => true)
    for (let isOver = false; !isOver;) {
      await Promise.all(sessions.map((sessionKey) => gateway.call("chat.abort", { sessionKey })))
      isOver = await Promise.race([ended, sleep(AGAIN_MS, false)])
    }
    await gateway.close()
    return samples
  }

const runs = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const [server, other] = await Promise.all([startRuntimes(BAD_RUNS), startRuntimes(BAD_RUNS)])
  const line = await server.open()
  const calls = () => look([line], call("health"), effort.scale)
  const results: Array<Result> = []
  for (const misdeeds of [
    ["spin", "hang"],
    ["flood", "throw"],
  ] satisfies ReadonlyArray<ReadonlyArray<Misdeed>>) {
    const work = `\`health\` beside ${BAD_RUNS} runs that ${misdeeds.join(" or ")}`
    results.push(await troubled({ work, beside: besideRuns(misdeeds), server, other }, effort, calls))
  }
  await Promise.all([server.stop(), other.stop()])
  return results
}

/** A client that follows the messages and reads nothing. */
const besideStalled: Beside = (server) => async (calls) => {
  const stalled = await server.follow(1, () => {})
  stalled.stall()
  const samples = await calls()
  stalled.close()
  return samples
}

const besideFlooder: Beside = (server) => async (calls) => {
  const { port, token } = server
  const flooder = new Worker(new URL("../Flooder.ts", import.meta.url), { workerData: { port, token } })
  await once(flooder, "online")
  await sleep(AGAIN_MS)
  const samples = await calls()
  await flooder.terminate()
  return samples
}

const clients = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const [server, other] = await Promise.all([startGateway(), startGateway()])
  const lines = await server.many(Math.ceil(CLIENTS * effort.scale))
  const calls = () => look(lines, call("ping"), effort.scale)
  const work = `\`ping\` of ${CLIENTS} clients beside one that`
  const flood = { work: `${work} sends without a pause`, beside: besideFlooder, server, other }
  const flooded = await troubled(flood, effort, calls)
  const writer = await server.open()
  const message = frame(request(1, "chat.inject", { sessionKey: SESSION, text: MESSAGE, role: "user" }))
  const messages = setInterval(() => writer.write(message), MESSAGE_MS)
  const stalled = await troubled({ work: `${work} reads nothing`, beside: besideStalled, server }, effort, calls)
  clearInterval(messages)
  await Promise.all([server.stop(), other.stop()])
  return [flooded, stalled]
}

export const isolation = async (effort: Effort): Promise<ReadonlyArray<Result>> => [
  ...(await runs(effort)),
  ...(await clients(effort)),
  ...(await pauses(effort)),
]
