/**
 * Lines: reads the lines of a stream one by one, with back pressure and a bound. Runtimes read programs with it that write
 * one JSON message in each line.
 */
import type { Readable } from "node:stream"

const LINE_FEED = 0x0a

/** Yields the lines of a UTF-8 stream without their ends. Throws if a line is longer than `maxBytes`. */
export async function* linesOf(stream: Readable, maxBytes: number): AsyncGenerator<string, void, void> {
  let pieces: Array<Buffer> = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      pieces.push(chunk.subarray(start, end))
      if (length + end - start > maxBytes) throw tooLong(maxBytes)
      yield Buffer.concat(pieces).toString("utf8")
      pieces = []
      length = 0
      start = end + 1
    }
    if (start === chunk.length) continue
    pieces.push(chunk.subarray(start))
    length += chunk.length - start
    if (length > maxBytes) throw tooLong(maxBytes)
  }
  if (length > 0) yield Buffer.concat(pieces).toString("utf8")
}

const tooLong = (maxBytes: number) => new Error(`A line of its output is longer than ${maxBytes} bytes.`)
