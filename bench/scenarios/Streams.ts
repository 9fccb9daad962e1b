/**
 * Measures 50 runs that each emit 100 tokens a second to 200 clients: the cost of a token for a client, and its bytes. Plain
 * ws sends a frame for each token. Mission Control shows no text of open runs.
 */
import { Audience } from "../Audience.ts"
import { clientOf, turn } from "../Client.ts"
import { compare, type Effort, figure, type Result } from "../Compare.ts"
import type { Server } from "../Server.ts"
import { STREAM, TOKENS } from "../servers/Deeds.ts"
import { start, startRuntimes, startWires } from "../Targets.ts"

const STREAMS = 50
const CLIENTS = 200

/** Plain ws sends this share of the tokens, because all of them would take a minute. */
const SHARE = 0.1

const kind = { acknowledges: false, ids: () => 1 }

interface Subject {
  readonly server: Server
  readonly audience: Audience
  /** Sends the tokens of all streams, and returns the number of tokens of a stream. */
  readonly work: () => Promise<number>
  readonly close: () => Promise<void>
  /** The bytes for a token in each round. */
  readonly bytes: Array<number>
}

const floorSubject = async (streams: number, clients: number): Promise<Subject> => {
  const server = await start("plain ws")
  const audience = await Audience.gather(server, clients, kind)
  const tokens = Math.ceil(TOKENS * SHARE)
  const work = async () => {
    for (let n = 0; n < tokens; n++) {
      const arrival = audience.arrival(streams)
      await server.tell(streams)
      await arrival
    }
    return tokens
  }
  return { server, audience, work, close: () => server.stop(), bytes: [] }
}

const gatewaySubject = async (server: Server, streams: number, clients: number): Promise<Subject> => {
  const gateway = clientOf(server)
  const audience = await Audience.gather(server, clients, kind)
  const work = async () => {
    await Promise.all(Array.from({ length: streams }, (_, i) => turn(gateway, `stream-${i}`, STREAM)))
    return TOKENS
  }
  const close = async () => {
    await gateway.close()
    await server.stop()
  }
  return { server, audience, work, close, bytes: [] }
}

export const streams = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const streams = Math.ceil(STREAMS * effort.scale)
  const clients = Math.ceil(CLIENTS * effort.scale)
  const wires = effort.wires.filter((wire) => wire !== "mission-control")
  const gateways = await startWires(wires, effort, (wire) => startRuntimes(STREAMS, { name: wire, wire }))
  const subjects = await Promise.all([
    floorSubject(streams, clients),
    ...gateways.map((server) => gatewaySubject(server, streams, clients)),
  ])
  // A round takes two seconds on each wire.
  const few = { ...effort, warmUp: Math.min(effort.warmUp, 2) }
  const figures = await compare(subjects, few, async ({ audience, bytes, server, work }) => {
    const before = audience.receivedBytes
    let tokens = 0
    const micros = await server.cpuOf(async () => {
      tokens = await work()
    })
    bytes.push((audience.receivedBytes - before) / (streams * tokens * clients))
    return micros / (streams * tokens * clients)
  })
  for (const { audience, close } of subjects) {
    audience.close()
    await close()
  }
  const sizes = subjects.map(({ bytes, server }) => figure(server.name, bytes))
  return [
    { work: `token of ${STREAMS} streams to ${CLIENTS} clients`, unit: "µs", figures, goal: { ratio: 0.1 } },
    { work: "bytes of a token", unit: "B", figures: sizes },
  ]
}
