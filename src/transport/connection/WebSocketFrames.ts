/**
 * WebSocket frames as a server sends them (RFC 6455 5.2): unfragmented, unmasked. Several frames become one
 * Buffer, so that all that is pending costs one write. It knows no socket and no queue.
 */

const TEXT = 0x81
const PONG = 0x8a

const headerBytes = (payloadBytes: number): number => (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10)

export const frameBytes = (payloadBytes: number): number => headerBytes(payloadBytes) + payloadBytes

/** The length of the payload in a frame of this length. */
export const payloadBytes = (frameBytes: number): number =>
  frameBytes - (frameBytes < 128 ? 2 : frameBytes < 65_540 ? 4 : 10)

/** Writes one text frame and returns where the next begins. `length` is the text's in UTF-8. */
export const writeTextFrame = (target: Buffer, offset: number, text: string, length: number): number => {
  target[offset] = TEXT
  let at = offset + 2
  if (length < 126) {
    target[offset + 1] = length
  } else if (length < 65_536) {
    target[offset + 1] = 126
    at = target.writeUInt16BE(length, at)
  } else {
    target[offset + 1] = 127
    at = target.writeUInt32BE(Math.floor(length / 0x1_0000_0000), at)
    at = target.writeUInt32BE(length >>> 0, at)
  }
  // Equal lengths mean ASCII, which latin1 copies without looking at it.
  return at + target.write(text, at, length === text.length ? "latin1" : "utf8")
}

/**
 * A number that differs between copies of one frame stands right-aligned in this many characters, which JSON allows to
 * be blanks: all copies have one length, and who numbers them copies bytes.
 */
export const NUMBER_CHARS = 10

/** Writes the number into a copy of a frame's text, `at` characters from the beginning of its payload. */
const writeNumber = (target: Buffer, offset: number, number: number): void => {
  let rest = number
  for (let i = offset + NUMBER_CHARS - 1; i >= offset; i--) {
    target[i] = rest > 0 ? 0x30 + (rest % 10) : 0x20
    rest = Math.floor(rest / 10)
  }
}

/** Numbers the frames between the offsets, from `first` on. Returns the number after the last. */
export const numberFrames = (target: Buffer, from: number, to: number, at: number, first: number): number => {
  let number = first
  for (let offset = from; offset < to; number++) {
    const short = target[offset + 1]!
    const header = short < 126 ? 2 : short === 126 ? 4 : 10
    const length =
      header === 2 ? short : header === 4 ? target.readUInt16BE(offset + 2) : Number(target.readBigUInt64BE(offset + 2))
    writeNumber(target, offset + header + at, number)
    offset += header + length
  }
  return number
}

/** The answer to a ping, whose payload is 125 bytes at most. */
export const pongFrame = (payload: Buffer): Buffer => Buffer.concat([Buffer.from([PONG, payload.length]), payload])

/** One frame by itself: to be built once and shared by many outboxes. */
export const textFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(frameBytes(length))
  writeTextFrame(frame, 0, text, length)
  return frame
}
