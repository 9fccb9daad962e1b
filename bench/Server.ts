/**
 * A measured server: its process, its resource usage, and the wire by which the load generator speaks to it. The scenarios
 * use it.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Count, frame, Line } from "./Line.ts"
import type { Question, Usage } from "./Probe.ts"
import type { Wire } from "./wires/Wire.ts"

export interface ServerOptions {
  readonly file: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly wire: Wire
  readonly token?: string
  /** The program that runs the file, with the flags that load Probe.ts. The default is Node. */
  readonly runtime?: { readonly path: string; readonly args: ReadonlyArray<string> }
  /** Makes events on servers that do not handle `Tell`. */
  readonly tell?: (server: Server, count: number) => Promise<void>
}

/** A server that works for less than a tenth of this time is idle. */
const QUIET_MS = 20

/** The number of connections that are opened at the same time. */
const AT_ONCE = 25

export const PROBE = join(import.meta.dirname, "Probe.ts")

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
  readonly wire: Wire
  /** The token, for servers that need one. */
  readonly token: string | undefined
  readonly #process: ChildProcess
  readonly #options: ServerOptions

  constructor(name: string, port: number, process: ChildProcess, options: ServerOptions) {
    this.name = name
    this.port = port
    this.wire = options.wire
    this.token = options.token
    this.#process = process
    this.#options = options
  }

  static async start(name: string, options: ServerOptions): Promise<Server> {
    const { folder } = profiling
    const profile = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`]
    const { args, path } = options.runtime ?? {
      path: process.execPath,
      args: ["--expose-gc", "--import", PROBE, ...profile],
    }
    const child = fork(options.file, options.args ?? [], {
      execPath: path,
      execArgv: [...args],
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

  /** Returns the longest pause of the server's event loop during the work, in milliseconds. */
  async pauseDuring(work: () => Promise<unknown>): Promise<number> {
    this.#ask({ _tag: "Watch" })
    await work()
    return (await this.usage()).pauseMs
  }

  async tell(count: number): Promise<void> {
    const { tell } = this.#options
    if (tell !== undefined) return tell(this, count)
    this.#ask({ _tag: "Tell", count })
  }

  /** Returns the same process as a server that speaks another wire. */
  speaking(wire: Wire, name = this.name): Server {
    return new Server(name, this.port, this.#process, { ...this.#options, wire })
  }

  async open(upgrade = this.wire.upgrade): Promise<Line> {
    const line = await Line.open(this.port, upgrade)
    await this.wire.greet?.(line)
    return line
  }

  /** Returns a subscribed client. `hear` also receives the data before the subscription. */
  async follow(id: number, hear: (line: Line, data: Buffer) => void): Promise<Line> {
    const { follow } = this.wire
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
    if (!this.#process.connected) return
    const ended = once(this.#process, "exit")
    this.#process.disconnect()
    await ended
  }

  #ask(question: Question): void {
    this.#process.send(question)
  }
}
