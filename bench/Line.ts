/**
 * One client's connection as the load generator holds it: a TCP socket on which WebSocket frames are written whole and
 * answers are counted by a mark in their text. Built to cost little, so that the servers are what is measured; it checks
 * nothing but that what must come has come.
 */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

const MASK = Buffer.from([0x21, 0x43, 0x65, 0x87])

/** A client's text frame (RFC 6455 5.2); a constant mask is as good as any here. */
export const frame = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const header = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, 0, 0])
  if (payload.length >= 126) header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, MASK, payload.map((byte, i) => byte ^ MASK[i % 4]!)])
}

/** A pong that nobody has asked for (RFC 6455 5.5.3). */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** How often a text has come, wherever the network has cut it. */
export class Count {
  seen = 0
  readonly #mark: Buffer
  #rest: Buffer = Buffer.alloc(0)

  constructor(mark: string) {
    this.#mark = Buffer.from(mark)
  }

  take(data: Buffer): void {
    const text = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let from = 0
    for (let at = text.indexOf(this.#mark); at !== -1; at = text.indexOf(this.#mark, from)) {
      this.seen++
      from = at + this.#mark.length
    }
    this.#rest = text.subarray(Math.max(from, text.length - this.#mark.length + 1))
  }
}

export interface Upgrade {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export class Line {
  readonly #socket: Socket
  #listener: ((data: Buffer) => void) | undefined = undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on("data", (data: Buffer) => this.#listener?.(data))
  }

  static async open(port: number, { headers = {}, path }: Upgrade): Promise<Line> {
    const socket = connect(port, "127.0.0.1").setNoDelay()
    const lines = {
      Host: `127.0.0.1:${port}`,
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...headers,
    }
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`GET ${path} HTTP/1.1\r\n${head.join("")}\r\n`)
    const [answer]: Array<Buffer> = await once(socket, "data")
    if (!String(answer).startsWith("HTTP/1.1 101")) throw new Error(String(answer))
    return new Line(socket)
  }

  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  /** A sign of life, for servers that expect one now and then: pings are not answered. */
  sign(): void {
    this.#socket.write(PONG)
  }

  /** Whom everything that comes is given to; the one before hears nothing more. */
  listen(listener: ((data: Buffer) => void) | undefined): void {
    this.#listener = listener
  }

  /** Writes the block, `times` times, each time when all `answers` with the mark have come to the one before. */
  exchange(block: Buffer, mark: string, answers: number, times = 1): Promise<void> {
    return new Promise((resolve) => {
      const count = new Count(mark)
      let left = times
      this.listen((data) => {
        count.take(data)
        if (count.seen < answers) return
        count.seen -= answers
        if (--left > 0) return this.write(block)
        this.listen(undefined)
        resolve()
      })
      this.write(block)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
