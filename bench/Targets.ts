/**
 * The compared servers: plain `ws` as the floor, other servers without a gateway, and the gateway on each of its wires. The
 * gateway starts with its own command and all defaults.
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bun } from "./Bun.ts"
import type { Effort } from "./Compare.ts"
import { frame, type Line, SIGN_MS } from "./Line.ts"
import { Server, type ServerOptions } from "./Server.ts"
import { SESSION, TEXT } from "./servers/Item.ts"
import { echo, socketIo } from "./wires/Others.ts"
import { request, rpc } from "./wires/Rpc.ts"
import { type WireName, wires } from "./wires/Wires.ts"

const ROOT = join(import.meta.dirname, "..")

/** The result of `npm run build`. */
export const BINARY = join(ROOT, "dist/main.js")

const serverFile = (name: string) => join(import.meta.dirname, "servers", `${name}.ts`)

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
  const open = async (server: Server): Promise<Line> => {
    const opened = await server.speaking(rpc(server.token)).open()
    // It tells nothing while other servers work.
    setInterval(() => opened.sign(), SIGN_MS).unref()
    return opened
  }
  return async (server: Server, count: number): Promise<void> => {
    line ??= open(server)
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

/** Starts a gateway that the load generator speaks to by the wire. */
export const startGateway = (
  { env = {}, stateDir = temporaryFolder() }: GatewayOptions = {},
  { name = "causeway", wire = "rpc" }: { readonly name?: string; readonly wire?: WireName } = {},
): Promise<Server> => {
  const token = randomUUID()
  return Server.start(name, {
    file: BINARY,
    args: ["start", "--port", "0", "--state-dir", stateDir, "--log-level", "error"],
    env: { ...env, GATEWAY_TOKEN: token },
    token,
    wire: wires[wire](token),
    tell: teller(),
  })
}

/**
 * Starts a server for each wire, so that the code of the others is not compiled. Each has the name of its wire. A smoke
 * test starts one server for all wires, because a start takes long.
 */
export const startWires = async (
  names: ReadonlyArray<WireName>,
  { scale }: Pick<Effort, "scale">,
  startOne = (wire: WireName): Promise<Server> => startGateway({}, { name: wire, wire }),
): Promise<ReadonlyArray<Server>> => {
  const [first, ...others] = names
  if (first === undefined || scale === 1) return Promise.all(names.map(startOne))
  const server = await startOne(first)
  return [server, ...others.map((wire) => server.speaking(wires[wire](server.token!), wire))]
}

/** Starts the gateway with the runtime of servers/Runtimes.ts. */
export const startRuntimes = (
  concurrent: number,
  { name = "causeway", wire = "rpc" }: { readonly name?: string; readonly wire?: WireName } = {},
): Promise<Server> => {
  const token = randomUUID()
  return Server.start(name, {
    file: serverFile("Runtimes"),
    env: { STATE_DIR: temporaryFolder(), TOKEN: token, CONCURRENT: String(concurrent) },
    token,
    wire: wires[wire](token),
  })
}

/** Starts an OpenClaw gateway for the fleet. It closes its connections when it is told to. */
export const startUpstream = (agents: number, sessions: number): Promise<Server> =>
  Server.start("upstream", {
    file: serverFile("Upstream"),
    args: [String(agents), String(sessions)],
    wire: echo,
  })

/** The servers that are no gateway, by name. */
const others = {
  "plain ws": (): ServerOptions => ({ file: serverFile("PlainWs"), wire: echo }),
  bun: (): ServerOptions => ({ file: serverFile("Bun"), wire: echo, runtime: bun() }),
  "socket.io": (): ServerOptions => ({ file: serverFile("SocketIo"), wire: socketIo }),
  "effect/rpc": (): ServerOptions => ({ file: serverFile("EffectRpc"), wire: rpc() }),
}

export type OtherName = keyof typeof others

/** Returns the names of the other servers. A smoke test must not download Bun. */
export const otherNames = (scale: number): ReadonlyArray<OtherName> =>
  (["plain ws", "bun", "socket.io", "effect/rpc"] as const).filter((name) => name !== "bun" || scale === 1)

export const start = (name: OtherName): Promise<Server> => Server.start(name, others[name]())

/** Starts the other servers, and the gateway for each wire. */
export const startAll = async (
  names: ReadonlyArray<WireName>,
  effort: Pick<Effort, "scale">,
): Promise<ReadonlyArray<Server>> => [
  ...(await Promise.all(otherNames(effort.scale).map(start))),
  ...(await startWires(names, effort)),
]
