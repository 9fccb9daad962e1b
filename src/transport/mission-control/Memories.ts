/**
 * Memories: the sections of a Markdown document that begin with `##` or `###`, each with a category and tags where
 * lines of it say so. Pure and total.
 */

export interface MemorySection {
  /** Unique among all documents, and stable while no section is added above it. */
  readonly id: string
  readonly title: string
  readonly category: string
  /** ISO 8601: the day that the document is named after, or else when it was changed. */
  readonly date: string
  readonly tags: ReadonlyArray<string>
  /** The document that has it. */
  readonly source: string
  readonly content: string
}

const HEADER = /^#{2,3}\s+(\S.*)$/
/** `Category: work`, also as an item of a list or in bold. */
const CATEGORY = /^\s*(?:[-*]\s+)?(?:\*\*)?category:(?:\*\*)?\s*(\S.*)$/i
const TAGS = /^\s*(?:[-*]\s+)?(?:\*\*)?tags?:(?:\*\*)?\s*(\S.*)$/i

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** The greatest distance from 1970 that has a date. */
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
