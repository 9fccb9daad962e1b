/**
 * The compared servers: plain `ws` as the floor, two ways to build such a server without a gateway, and the gateway. The
 * gateway starts with its own command and all defaults.
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { frame, type Line } from "./Line.ts"
import { Server, type Words } from "./Server.ts"
import { SESSION, TEXT } from "./servers/Item.ts"

export type TargetName = "plain ws" | "socket.io" | "effect/rpc" | "causeway"

const ROOT = join(import.meta.dirname, "..")

/** The result of `npm run build`. */
export const BINARY = join(ROOT, "dist/main.js")

const serverFile = (name: string) => join(import.meta.dirname, "servers", `${name}.ts`)

const request = (id: number, tag: string, payload: unknown): string =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

const ping = (id: number): string => request(id, "ping", {})

const acknowledge = (requestId: number): string => JSON.stringify({ _tag: "Ack", requestId })

/** Each event contains this text once. */
export const EVENT = `"MessageAdded"`

const plain: Words = {
  upgrade: { path: "/" },
  ping,
  pong: `"ping"`,
  follow: { upgrade: { path: "/follow" } },
  chunk: EVENT,
  acknowledge,
}

const socketIo: Words = {
  upgrade: { path: "/socket.io/?EIO=4&transport=websocket" },
  greeting: { say: "40", mark: "40{" },
  ping: (id) => `42${id}["ping",{}]`,
  pong: `"at":`,
  follow: { say: (id) => `42${id}["follow"]`, mark: "[{}]" },
  chunk: EVENT,
  acknowledge: () => `42["ack"]`,
}

const rpc = (headers: Readonly<Record<string, string>> = {}): Words => ({
  upgrade: { path: "/rpc", headers },
  ping,
  pong: `"at":`,
  follow: { say: (id) => request(id, "events.subscribe", { topics: ["chat"] }), mark: `"CaughtUp"` },
  chunk: `{"_tag":"Chunk"`,
  acknowledge,
})

const folders: Array<string> = []
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A folder that the end of the process removes. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "causeway-bench-"))
  folders.push(folder)
  return folder
}

/** Makes events in the gateway: one client adds messages to a transcript. */
const teller = () => {
  let line: Promise<Line> | undefined
  let id = 0
  return async (server: Server, count: number): Promise<void> => {
    line ??= server.open()
    const inject = () => request(++id, "chat.inject", { sessionKey: SESSION, text: TEXT, role: "user" })
    const frames = frame(`[${Array.from({ length: count }, inject).join()}]`)
    ;(await line).write(frames)
  }
}

export interface GatewayOptions {
  readonly stateDir?: string
  /** Raises the limits that the load generator would exceed. */
  readonly env?: Readonly<Record<string, string>>
}

export const startGateway = ({ env = {}, stateDir = temporaryFolder() }: GatewayOptions = {}): Promise<Server> => {
  const token = randomUUID()
  return Server.start("causeway", {
    file: BINARY,
    args: ["start", "--port", "0", "--state-dir", stateDir, "--log-level", "error"],
    env: { ...env, GATEWAY_TOKEN: token },
    token,
    words: rpc({ Authorization: `Bearer ${token}` }),
    tell: teller(),
  })
}

/** The gateway with the runtime of servers/Runtimes.ts. */
export const startRuntimes = (concurrent: number): Promise<Server> => {
  const token = randomUUID()
  return Server.start("causeway", {
    file: serverFile("Runtimes"),
    env: { STATE_DIR: temporaryFolder(), TOKEN: token, CONCURRENT: String(concurrent) },
    token,
    words: rpc({ Authorization: `Bearer ${token}` }),
  })
}

const targets: Record<TargetName, () => Promise<Server>> = {
  "plain ws": () => Server.start("plain ws", { file: serverFile("PlainWs"), words: plain }),
  "socket.io": () => Server.start("socket.io", { file: serverFile("SocketIo"), words: socketIo }),
  "effect/rpc": () => Server.start("effect/rpc", { file: serverFile("EffectRpc"), words: rpc() }),
  causeway: () => startGateway(),
}

export const start = (name: TargetName): Promise<Server> => targets[name]()
