/**
 * DocumentSearch: finds words in documents and ranks the documents. It takes linear time. MemoryTools uses it.
 */
import * as Schema from "effect/Schema"
import { shortened } from "../../domain/Text.ts"

const MAX_WORDS = 16

const MAX_LINES = 3

const LINE_CHARS = 200

/** A document with the first lines that contain a word. */
export const Found = Schema.Struct({ id: Schema.String, lines: Schema.Array(Schema.String) })

export interface Match {
  readonly id: string
  /** How many of the words the document or its id contains. */
  readonly words: number
  readonly lines: ReadonlyArray<string>
}

/** Returns the different words of a query in lower case. */
export const wordsOf = (query: string): ReadonlyArray<string> =>
  [...new Set(query.toLowerCase().split(/\s+/))].filter((word) => word !== "").slice(0, MAX_WORDS)

/** Returns `undefined` if the document contains none of the words. Without words every document matches. */
export const match = (id: string, content: string, words: ReadonlyArray<string>): Match | undefined => {
  const all = `${id}\n${content}`.toLowerCase()
  const contained = words.filter((word) => all.includes(word))
  if (contained.length === 0 && words.length > 0) return undefined
  const lines: Array<string> = []
  for (const line of content.split("\n")) {
    if (lines.length >= MAX_LINES) break
    const lower = line.toLowerCase()
    if (contained.some((word) => lower.includes(word))) lines.push(shortened(line.trim(), LINE_CHARS))
  }
  return { id, words: contained.length, lines }
}

/** Returns the matches with the most words first. Equal matches stay in their order. */
export const best = (matches: ReadonlyArray<Match>, max: number): ReadonlyArray<typeof Found.Type> =>
  matches
    .toSorted((a, b) => b.words - a.words)
    .slice(0, max)
    .map(({ id, lines }) => ({ id, lines }))
