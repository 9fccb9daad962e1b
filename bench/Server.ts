/**
 * A measured server: its process, its resource usage, and the frames that the load generator exchanges with it. The
 * scenarios use it.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Count, frame, Line, type Upgrade } from "./Line.ts"
import type { Question, Usage } from "./Probe.ts"

/** The frames of one server for the requests that all servers understand. */
export interface Words {
  readonly upgrade: Upgrade
  /** The first frame after the upgrade and the mark of its answer, for servers with a handshake of their own. */
  readonly greeting?: { readonly say: string; readonly mark: string }
  readonly ping: (id: number) => string
  /** The answer to each ping contains this text once. */
  readonly pong: string
  readonly follow: Follow
  /** Each frame that needs an acknowledgement contains this text once. */
  readonly chunk: string
  readonly acknowledge: (id: number) => string
}

/** How a client subscribes to events: by a frame and the mark of its answer, or by the path alone. */
export type Follow = { readonly say: (id: number) => string; readonly mark: string } | { readonly upgrade: Upgrade }

export interface ServerOptions {
  readonly file: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly words: Words
  readonly token?: string
  /** Makes events on servers that do not handle `Tell`. */
  readonly tell?: (server: Server, count: number) => Promise<void>
}

/** A server that works for less than a tenth of this time is idle. */
const QUIET_MS = 20

/** The number of connections that are opened at the same time. */
const AT_ONCE = 25

const PROBE = join(import.meta.dirname, "Probe.ts")

/** `--profile`: each server writes its CPU profile into this folder when it ends. */
export const profiling: { folder: string | undefined } = { folder: undefined }

/** Resolves when the server has printed its address, as `...:port`. */
const portOf = (name: string, child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    let printed = ""
    child.once("exit", () => reject(new Error(`${name} ended: ${printed}`)))
    child.stdout?.on("data", (text: Buffer) => {
      printed += String(text)
      const port = /127\.0\.0\.1:(\d+)\s/.exec(printed)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
  })

export class Server {
  readonly name: string
  readonly port: number
  readonly words: Words
  /** The token, for servers that need one. */
  readonly token: string | undefined
  readonly #process: ChildProcess
  readonly #tell: ServerOptions["tell"]

  constructor(name: string, port: number, process: ChildProcess, { tell, token, words }: ServerOptions) {
    this.name = name
    this.port = port
    this.words = words
    this.token = token
    this.#process = process
    this.#tell = tell
  }

  static async start(name: string, options: ServerOptions): Promise<Server> {
    const { folder } = profiling
    const profile = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`]
    const child = fork(options.file, options.args ?? [], {
      execArgv: ["--expose-gc", "--import", PROBE, ...profile],
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    })
    return new Server(name, await portOf(name, child), child, options)
  }

  async usage(question: Question = { _tag: "Usage" }): Promise<Usage> {
    this.#ask(question)
    const [usage] = await once(this.#process, "message")
    return usage
  }

  /** Returns the CPU time of the server for the work, in microseconds. Earlier work has ended before. */
  async cpuOf(work: () => Promise<unknown>): Promise<number> {
    let before = await this.usage()
    for (let busy = true; busy;) {
      await sleep(QUIET_MS)
      const now = await this.usage()
      busy = now.cpuMicros - before.cpuMicros > QUIET_MS * 100
      before = now
    }
    await work()
    return (await this.usage()).cpuMicros - before.cpuMicros
  }

  async tell(count: number): Promise<void> {
    if (this.#tell !== undefined) return this.#tell(this, count)
    this.#ask({ _tag: "Tell", count })
  }

  async open(upgrade = this.words.upgrade): Promise<Line> {
    const { greeting } = this.words
    const line = await Line.open(this.port, upgrade)
    if (greeting !== undefined) await line.exchange(frame(greeting.say), greeting.mark, 1)
    return line
  }

  /** Returns a subscribed client. `hear` also receives the data before the subscription. */
  async follow(id: number, hear: (line: Line, data: Buffer) => void): Promise<Line> {
    const { follow } = this.words
    if ("upgrade" in follow) return this.open(follow.upgrade)
    const line = await this.open()
    await new Promise<void>((resolve) => {
      const answer = new Count(follow.mark)
      line.listen((data) => {
        hear(line, data)
        answer.take(data)
        if (answer.seen > 0) resolve()
      })
      line.write(frame(follow.say(id)))
    })
    return line
  }

  /** Few enough at a time for the limit of unauthenticated clients. */
  async many(count: number, open: (index: number) => Promise<Line> = () => this.open()): Promise<ReadonlyArray<Line>> {
    const lines: Array<Line> = []
    while (lines.length < count) {
      const some = Math.min(AT_ONCE, count - lines.length)
      lines.push(...(await Promise.all(Array.from({ length: some }, (_, i) => open(lines.length + i)))))
    }
    return lines
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, "exit")
    this.#process.disconnect()
    await ended
  }

  #ask(question: Question): void {
    this.#process.send(question)
  }
}
