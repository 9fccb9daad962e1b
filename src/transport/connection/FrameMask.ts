/**
 * FrameMask: removes the mask that a client puts over each frame (RFC 6455 5.3), four bytes at a time. ws takes one byte at
 * a time, unless a native module is installed. GatewaySocket uses it for large frames.
 */

/** Returns four bytes as a number in the order of bytes of this machine. */
const wordOf = (bytes: ReadonlyArray<number>): number => new Int32Array(Uint8Array.from(bytes).buffer)[0] ?? 0

const unmaskWords = (words: Int32Array, word: number): void => {
  for (let i = 0; i < words.length; i++) words[i]! ^= word
}

const unmaskBytes = (data: Buffer, mask: Uint8Array, from: number, to: number): void => {
  for (let i = from; i < to; i++) data[i]! ^= mask[i & 3]!
}

/** Removes the mask of four bytes from the data in place. The data has at least three bytes. */
export const unmask = (data: Buffer, mask: Uint8Array): void => {
  // Words begin at a multiple of four in memory.
  const start = -data.byteOffset & 3
  const words = new Int32Array(data.buffer, data.byteOffset + start, (data.length - start) >> 2)
  unmaskBytes(data, mask, 0, start)
  unmaskWords(words, wordOf([0, 1, 2, 3].map((i) => mask[(start + i) & 3]!)))
  unmaskBytes(data, mask, start + words.length * 4, data.length)
}
