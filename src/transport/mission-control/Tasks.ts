/**
 * Tasks: finds the check boxes of a Markdown document, such as `- [ ] title [HIGH]` or `- [x] title`. Every text is
 * valid input. Files.ts uses it.
 */

export interface Task {
  /** Unique among all documents. It changes if somebody adds a check box above. */
  readonly id: string
  readonly title: string
  readonly status: "todo" | "done"
  readonly priority: "critical" | "high" | "medium" | "low"
  readonly description: string
  readonly assignee: string
  readonly workflow: string
  readonly tags: ReadonlyArray<string>
  readonly createdAt: number
  readonly updatedAt: number
  /** The id of the document. */
  readonly source: string
}

const BOX = /^\s*[-*] \[([ xX])\]\s*(\S.*)$/
const TAG = /\[(CRITICAL|HIGH|MEDIUM|LOW)\]/i

/** Returns the priority that the title names as a separate word in capitals: `LOW`, not `FLOW` or `low`. */
const priorityOf = (title: string): Task["priority"] => {
  if (/\bCRITICAL\b/.test(title)) return "critical"
  if (/\bHIGH\b/.test(title)) return "high"
  return /\bLOW\b/.test(title) ? "low" : "medium"
}

/** Returns the title with one space in place of its first tag and the spaces around it. */
const withoutTag = (title: string): string => {
  const tag = TAG.exec(title)
  if (tag === null) return title
  return `${title.slice(0, tag.index).trimEnd()} ${title.slice(tag.index + tag[0].length).trimStart()}`
}

/** Returns the tasks of a document in order. `source` is the id of the document. */
export const parseTasks = (content: string, source: string, modifiedAt: number): ReadonlyArray<Task> =>
  content
    .split(/\r?\n/)
    .flatMap((line) => {
      const box = BOX.exec(line)
      return box === null ? [] : [{ done: box[1] !== " ", title: box[2]!.replaceAll("**", "").trim() }]
    })
    .map(({ done, title }, index) => ({
      id: `task-${source}-${index}`,
      title: withoutTag(title).trim(),
      status: done ? "done" : "todo",
      priority: priorityOf(title.replace(TAG, (tag) => tag.toUpperCase())),
      description: "",
      assignee: "",
      workflow: "personal",
      tags: [],
      createdAt: modifiedAt,
      updatedAt: modifiedAt,
      source,
    }))
