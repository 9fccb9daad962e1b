/** The typed client of a gateway, and the turns that it runs. The scenarios with runs use it. */
import { connect } from "../src/client/Gateway.ts"
import type { Server } from "./Server.ts"

export type Client = ReturnType<typeof connect>

export const clientOf = ({ port, token }: Server): Client => connect({ url: `ws://127.0.0.1:${port}/rpc`, token })

/** The environment of a gateway with so many runs at once. The default is four, because agents think for seconds. */
export const concurrentRuns = (count: number) => ({
  GATEWAY_RUNS_CONCURRENT: String(count),
  GATEWAY_RUNS_CONCURRENT_PER_AGENT: String(count),
})

/** Waits for the end of a run. */
export const finish = (client: Client, runId: string) => client.call("runs.wait", { runId, timeoutMs: 60_000 })

/** Sends a message and waits for the end of its run. */
export const turn = async (client: Client, sessionKey: string, text: string): Promise<void> => {
  const { runId } = await client.call("chat.send", { text, sessionKey })
  await finish(client, runId)
}

export interface Turns {
  readonly count: number
  readonly atOnce: number
  readonly sessions: number
}

/** Runs turns, so many at once, over the sessions in turn. */
export const runTurns = async (client: Client, { atOnce, count, sessions }: Turns): Promise<void> => {
  let next = 0
  const work = async () => {
    while (next < count) await turn(client, `bench-${next++ % sessions}`, "hi")
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
