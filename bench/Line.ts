/**
 * One client connection of the load generator: a TCP socket. It writes whole WebSocket frames and counts answers by a mark
 * in their text. It costs little and checks only that all answers arrive, so that the bench measures the servers.
 * Server.ts opens lines.
 */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

const MASK = Buffer.from([0x21, 0x43, 0x65, 0x87])

/** Returns a client's text frame (RFC 6455 5.2) with a constant mask. */
export const frame = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = 0x81
  header[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, MASK, payload.map((byte, i) => byte ^ MASK[i % 4]!)])
}

/** An unsolicited pong (RFC 6455 5.5.3). */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** A gateway closes clients that are silent for a minute: each silent line sends a sign of life in this interval. */
export const SIGN_MS = 20_000

/** Counts how often a text has arrived, even if the network cuts it into pieces. */
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
  /** The status of the response: 101 for a WebSocket, which is the default, or 200 for a response that lasts. */
  readonly status?: 101 | 200
}

const UPGRADE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

export class Line {
  /** The bytes that arrived. */
  received = 0
  readonly #socket: Socket
  readonly #isWebSocket: boolean
  #listener: ((data: Buffer) => void) | undefined = undefined
  /** The data that arrived with the response's head. */
  #first: Buffer | undefined

  constructor(socket: Socket, isWebSocket: boolean, first: Buffer) {
    this.#socket = socket
    this.#isWebSocket = isWebSocket
    this.#first = first
    socket.on("data", (data: Buffer) => {
      this.received += data.length
      this.#listener?.(data)
    })
  }

  static async open(port: number, { headers = {}, path, status = 101 }: Upgrade): Promise<Line> {
    const socket = connect(port, "127.0.0.1").setNoDelay()
    const lines = { Host: `127.0.0.1:${port}`, ...(status === 101 && UPGRADE), ...headers }
    const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`GET ${path} HTTP/1.1\r\n${head.join("")}\r\n`)
    const [answer]: Array<Buffer> = await once(socket, "data")
    if (!String(answer).startsWith(`HTTP/1.1 ${status}`)) throw new Error(String(answer))
    return new Line(socket, status === 101, answer!.subarray(answer!.indexOf("\r\n\r\n") + 4))
  }

  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  /** Writes the block again and again, whenever the socket takes more. Answers are read and dropped. Never resolves. */
  flood(block: Buffer): Promise<never> {
    const write = () => {
      while (this.#socket.write(block)) {}
    }
    this.#socket.on("drain", write)
    write()
    return new Promise(() => {})
  }

  /** Stops reading from the socket. */
  stall(): void {
    this.#socket.pause()
  }

  /** Sends a keep-alive. Lines do not answer pings, and some servers close silent clients. */
  sign(): void {
    if (this.#isWebSocket) this.#socket.write(PONG)
  }

  /** Sets the receiver of all incoming data. The previous receiver gets no more data. */
  listen(listener: ((data: Buffer) => void) | undefined): void {
    this.#listener = listener
  }

  /** Writes the block `times` times. Each block waits for all `answers` with the mark to the block before. */
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

  /** Resolves with the first match among all data that nobody has received yet. */
  find(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      let text = ""
      const take = (data: Buffer) => {
        text += data.toString("latin1")
        const match = pattern.exec(text)
        if (match === null) return
        this.listen(undefined)
        resolve(match)
      }
      this.listen(take)
      take(this.#first ?? Buffer.alloc(0))
      this.#first = undefined
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
