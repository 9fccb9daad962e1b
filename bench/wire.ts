/**
 * What the native wire costs beside a plain `ws` echo server: server CPU per message, per connection, and memory per
 * idle connection. Each server is a process of its own; rounds are interleaved, so that both meet the same machine.
 *
 *     node bench/wire.ts [rounds] [part of a scenario's name]
 */
import "effect/schema/SchemaJITCompiler/enable"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { WebSocketServer } from "ws"
import { ListeningAddress } from "../src/transport/GatewayServer.ts"
import { stubGateway, TOKEN } from "../test/support/StubGateway.ts"

interface Usage {
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly heapBytes: number
}

// The servers

const serve = (port: number): void => {
  process.on("message", (settled) => {
    const { system, user } = process.cpuUsage()
    // Collecting garbage costs the code that was made fast, so it is done for memory alone.
    const tell = () => {
      if (settled === true) globalThis.gc?.()
      const { external, heapUsed, rss } = process.memoryUsage()
      const usage: Usage = { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed + external }
      process.send!(usage)
    }
    if (settled !== true) return tell()
    globalThis.gc?.()
    setTimeout(tell, 500)
  })
  process.on("disconnect", () => process.exit())
  process.send!(port)
}

const servers = {
  plain: () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, clientTracking: false })
    server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })))
    server.on("listening", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) serve(address.port)
    })
  },
  gateway: () => {
    const program = Layer.effectDiscard(Effect.map(ListeningAddress, ({ port }) => serve(port))).pipe(
      Layer.provide(stubGateway({ limits: { unauthenticatedPerAddress: 100_000, connections: 100_000 } })),
    )
    Effect.runFork(Layer.launch(program))
  },
}

// The client: sockets that read and write frames by the block

const MASK = Buffer.from([0x21, 0x43, 0x65, 0x87])

const maskedFrame = (text: string): Uint8Array => {
  const payload = Buffer.from(text)
  const header = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.alloc(4)
  if (payload.length >= 126) {
    header[0] = 0x81
    header[1] = 0x80 | 126
    header.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([header, MASK, payload.map((byte, i) => byte ^ MASK[i % 4]!)])
}

const ping = (id: number) =>
  maskedFrame(JSON.stringify({ _tag: "Request", id: String(id), tag: "ping", payload: {}, headers: [] }))

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, "127.0.0.1").setNoDelay()
  socket.write(
    `GET /rpc HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Authorization: Bearer ${TOKEN}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  const [head]: Array<Buffer> = await once(socket, "data")
  if (!String(head).startsWith("HTTP/1.1 101")) throw new Error(String(head))
  return socket
}

/** Sends the block again each time all its answers have come. Resolves after `times`. */
const exchange = (socket: Socket, block: Uint8Array, answers: number, times: number): Promise<void> =>
  new Promise((resolve) => {
    let left = times
    let waiting = answers
    let rest: Buffer = Buffer.alloc(0)
    const onData = (data: Buffer) => {
      let buffer = rest.length === 0 ? data : Buffer.concat([rest, data])
      while (buffer.length >= 4) {
        const short = buffer[1]!
        const size = short < 126 ? 2 + short : 4 + buffer.readUInt16BE(2)
        if (buffer.length < size) break
        buffer = buffer.subarray(size)
        waiting--
      }
      rest = buffer
      if (waiting > 0) return
      if (--left === 0) {
        socket.off("data", onData)
        resolve()
        return
      }
      waiting = answers
      socket.write(block)
    }
    socket.on("data", onData)
    socket.write(block)
  })

// The measurement

interface Target {
  readonly name: string
  readonly process: ChildProcess
  readonly port: number
}

const start = async (name: keyof typeof servers): Promise<Target> => {
  const child = fork(import.meta.filename, [name], {
    execArgv: ["--expose-gc", ...(process.env["BENCH_NODE_OPTIONS"]?.split(" ") ?? [])],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  })
  const [port] = await once(child, "message")
  return { name, process: child, port }
}

const usageOf = async (target: Target, settled: boolean): Promise<Usage> => {
  target.process.send(settled)
  const [usage] = await once(target.process, "message")
  return usage
}

const cpuOf = async (target: Target, work: () => Promise<unknown>): Promise<number> => {
  const before = await usageOf(target, false)
  await work()
  return (await usageOf(target, false)).cpuMicros - before.cpuMicros
}

const openMany = async (port: number, count: number): Promise<Array<Socket>> => {
  const sockets: Array<Socket> = []
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(50, count - sockets.length) }, () => open(port)))))
  }
  return sockets
}

const scenarios: Record<string, (target: Target) => Promise<number>> = {
  "ping, 100 connections x 1": async (target) => {
    const sockets = await openMany(target.port, 100)
    const times = 400
    const work = () => Promise.all(sockets.map((socket, i) => exchange(socket, ping(i), 1, times)))
    const micros = (await cpuOf(target, work)) / (sockets.length * times)
    for (const socket of sockets) socket.destroy()
    return micros
  },
  "ping, 1 connection x 64": async (target) => {
    const socket = await open(target.port)
    const block = Buffer.concat(Array.from({ length: 64 }, (_, i) => ping(i)))
    const times = 800
    const micros = (await cpuOf(target, () => exchange(socket, block, 64, times))) / (64 * times)
    socket.destroy()
    return micros
  },
  "connect and handshake": async (target) => {
    const count = 500
    let sockets: Array<Socket> = []
    const micros = (await cpuOf(target, async () => (sockets = await openMany(target.port, count)))) / count
    for (const socket of sockets) socket.destroy()
    return micros
  },
}

/** Until the code that is measured is the code that stays. */
const WARM_UP_ROUNDS = 8

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const main = async (rounds: number, wanted: string): Promise<void> => {
  const targets = [await start("plain"), await start("gateway")]
  for (const [name, run] of Object.entries(scenarios)) {
    if (!name.includes(wanted)) continue
    const costs = new Map<string, Array<number>>(targets.map((target) => [target.name, []]))
    for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const target of targets) await run(target)
    for (let round = 0; round < rounds; round++) {
      for (const target of targets) costs.get(target.name)!.push(await run(target))
    }
    const [plain, gateway] = targets.map((target) => median(costs.get(target.name)!))
    console.log(
      `${name.padEnd(28)} plain ${plain!.toFixed(1)} us, gateway ${gateway!.toFixed(1)} us, ratio ${(gateway! / plain!).toFixed(2)}`,
    )
  }
  for (const target of targets) target.process.disconnect()
  if (!"idle memory".includes(wanted)) process.exit(0)
  const count = 5_000
  for (const name of ["plain", "gateway"] as const) {
    const target = await start(name)
    for (const socket of await openMany(target.port, 200)) socket.destroy()
    const before = await usageOf(target, true)
    await openMany(target.port, count)
    const after = await usageOf(target, true)
    const perConnection = (bytes: keyof Usage) => ((after[bytes] - before[bytes]) / count / 1_024).toFixed(1)
    console.log(
      `idle memory, ${name.padEnd(15)} rss ${perConnection("rssBytes")} KB, heap ${perConnection("heapBytes")} KB per connection`,
    )
    target.process.disconnect()
  }
  process.exit(0)
}

const role = process.argv[2]
if (role === "plain" || role === "gateway") servers[role]()
else await main(Number(role ?? 7), process.argv[3] ?? "")
