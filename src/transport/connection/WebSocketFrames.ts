/**
 * WebSocketFrames: encodes frames as a server sends them (RFC 6455 5.2), unfragmented and unmasked. SocketWriter.ts
 * encodes several frames into one Buffer, so that all pending frames cost one write.
 */

const TEXT = 0x81
const PONG = 0x8a

const headerBytes = (payloadBytes: number): number => (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10)

export const frameBytes = (payloadBytes: number): number => headerBytes(payloadBytes) + payloadBytes

/** Returns the length of the payload in a frame of this length. */
export const payloadBytes = (frameBytes: number): number =>
  frameBytes - (frameBytes < 128 ? 2 : frameBytes < 65_540 ? 4 : 10)

/** Writes one text frame and returns the offset of the next. `length`: bytes of the text in UTF-8. */
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
  // Equal lengths mean ASCII. latin1 copies it without scanning.
  return at + target.write(text, at, length === text.length ? "latin1" : "utf8")
}

/** Returns the offset of the payload in the frame at the offset. */
export const payloadAt = (frames: Buffer, offset: number): number => {
  const short = frames[offset + 1]!
  return offset + (short < 126 ? 2 : short === 126 ? 4 : 10)
}

/** Returns the offset after the frame at the offset. */
export const frameEnd = (frames: Buffer, offset: number): number => {
  const short = frames[offset + 1]!
  if (short < 126) return offset + 2 + short
  return short === 126
    ? offset + 4 + frames[offset + 2]! * 256 + frames[offset + 3]!
    : offset + 10 + Number(frames.readBigUInt64BE(offset + 2))
}

/** Returns the answer to a ping, whose payload is 125 bytes at most. */
export const pongFrame = (payload: Buffer): Buffer => Buffer.concat([Buffer.from([PONG, payload.length]), payload])

/** Encodes one frame by itself, which many outboxes can share. */
export const textFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(frameBytes(length))
  writeTextFrame(frame, 0, text, length)
  return frame
}
