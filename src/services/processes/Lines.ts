/**
 * Lines: reads the lines of a stream one by one, with back pressure and a bound, and the JSON-RPC message in a line. The
 * folders `mcp` and `runtimes/acp` read programs with it that write one message in each line.
 */
import * as Predicate from "effect/Predicate"
import type { Readable } from "node:stream"
import { parseJson } from "../../domain/Text.ts"

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

/** A JSON-RPC message whose fields are unchecked. */
export type JsonRpcMessage = Readonly<Record<string, unknown>>

/** Returns the JSON-RPC 2.0 message in the line, or `undefined` if the line is something else, such as a stray print. */
export const jsonRpcIn = (line: string): JsonRpcMessage | undefined => {
  if (!line.trimStart().startsWith("{")) return undefined
  try {
    const message = parseJson(line)
    return Predicate.isReadonlyObject(message) && message["jsonrpc"] === "2.0" ? { ...message } : undefined
  } catch {
    return undefined
  }
}
