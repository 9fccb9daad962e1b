/**
 * Memories: finds the sections of a Markdown document, with their categories and tags. A section begins with `##` or
 * `###`. Every text is valid input. Files.ts uses it.
 */

export interface MemorySection {
  /** Unique among all documents. It changes if somebody adds a section above. */
  readonly id: string
  readonly title: string
  readonly category: string
  /** The day in the document's name, or the time of its last change, in ISO 8601. */
  readonly date: string
  readonly tags: ReadonlyArray<string>
  /** The id of the document. */
  readonly source: string
  readonly content: string
}

const HEADER = /^#{2,3}\s+(\S.*)$/
/** Matches `Category: work`, also as an item of a list or in bold. */
const CATEGORY = /^\s*(?:[-*]\s+)?(?:\*\*)?category:(?:\*\*)?\s*(\S.*)$/i
const TAGS = /^\s*(?:[-*]\s+)?(?:\*\*)?tags?:(?:\*\*)?\s*(\S.*)$/i

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** The largest distance from 1970 that `Date` supports. */
const MAX_MILLIS = 8.64e15

const dateOf = (source: string, modifiedAt: number): string => {
  const day = DAY.test(source) ? Date.parse(`${source}T00:00:00Z`) : Number.NaN
  const millis = Number.isNaN(day) ? modifiedAt : day
  return new Date(Math.abs(millis) <= MAX_MILLIS ? millis : 0).toISOString()
}

const sectionOf = (
  id: string,
  date: string,
  source: string,
  title: string,
  lines: ReadonlyArray<string>,
): MemorySection => {
  let category = "general"
  let tags: ReadonlyArray<string> = []
  const content: Array<string> = []
  for (const line of lines) {
    const ofCategory = CATEGORY.exec(line)?.[1]
    const ofTags = TAGS.exec(line)?.[1]
    if (ofCategory !== undefined) category = ofCategory.trim()
    else if (ofTags !== undefined) tags = ofTags.split(",").flatMap((tag) => tag.trim().toLowerCase() || [])
    else content.push(line)
  }
  return { id, title: title.trim(), category, date, tags, source, content: content.join("\n").trim() }
}

/** Returns the sections of a document in order. `source` is the id of the document. */
export const parseMemories = (content: string, source: string, modifiedAt: number): ReadonlyArray<MemorySection> => {
  const sections: Array<{ readonly title: string; readonly lines: Array<string> }> = []
  for (const line of content.split(/\r?\n/)) {
    const title = HEADER.exec(line)?.[1]
    if (title !== undefined) sections.push({ title, lines: [] })
    else sections.at(-1)?.lines.push(line)
  }
  const date = dateOf(source, modifiedAt)
  return sections.map(({ lines, title }, index) => sectionOf(`mem-${source}-${index}`, date, source, title, lines))
}
