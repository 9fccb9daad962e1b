/**
 * Reads the width and the height of an image from its header, without decoding it. It is pure. AttachmentCheck uses it, so
 * that an image of few bytes and billions of pixels reaches neither a model nor a page.
 */

export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** The bytes of a JPEG before its frame, at most: it may have a profile and a preview there. */
const JPEG_BYTES = 1_048_576

/** The markers of the frame: C0 to CF, but C4, C8 and CC, which are tables. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

const ofJpeg = (bytes: Buffer): ImageSize | undefined => {
  const end = Math.min(bytes.length - 9, JPEG_BYTES)
  for (let at = 2; at < end;) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1]!
    if (marker === 0xff) at++
    else if (isFrame(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) }
    else at += 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}

const ofWebp = (bytes: Buffer): ImageSize | undefined => {
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8X":
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 }
    case "VP8L": {
      const bits = bytes.readUInt32LE(21)
      return { width: (bits & 0x3f_ff) + 1, height: ((bits >>> 14) & 0x3f_ff) + 1 }
    }
    case "VP8 ":
      return { width: bytes.readUInt16LE(26) & 0x3f_ff, height: bytes.readUInt16LE(28) & 0x3f_ff }
    default:
      return undefined
  }
}

const read = (type: string, bytes: Buffer): ImageSize | undefined => {
  switch (type) {
    case "image/png":
      return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
    case "image/gif":
      return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
    case "image/bmp":
      return { width: Math.abs(bytes.readInt32LE(18)), height: Math.abs(bytes.readInt32LE(22)) }
    case "image/jpeg":
      return ofJpeg(bytes)
    case "image/webp":
      return ofWebp(bytes)
    default:
      return undefined
  }
}

/** Returns the size of the image, or `undefined` if its header does not show it. */
export const imageSizeOf = (type: string, bytes: Uint8Array): ImageSize | undefined => {
  try {
    return read(type, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    // The header is cut off.
    return undefined
  }
}
