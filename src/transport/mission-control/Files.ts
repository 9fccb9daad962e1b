/**
 * Files: makes the file that clients see from a document of the memory folder, with its tasks and memories. It also
 * makes the text of a new document. Resources.ts and Events.ts use it.
 */
import type { DocumentContent } from "../../domain/Memory.ts"
import { type MemorySection, parseMemories } from "./Memories.ts"
import { parseTasks, type Task } from "./Tasks.ts"

export interface MemoryFile {
  readonly id: string
  /** The file's name without `.md`, usually a day. */
  readonly date: string
  readonly content: string
  readonly lastModified: number
  readonly tasks: ReadonlyArray<Task>
  readonly memories: ReadonlyArray<MemorySection>
}

export const fileOf = ({ content, id, modifiedAt }: DocumentContent): MemoryFile => ({
  id,
  date: id,
  content,
  lastModified: modifiedAt,
  tasks: parseTasks(content, id, modifiedAt),
  memories: parseMemories(content, id, modifiedAt),
})

/** Returns the text of a new document for which the client gives no template. */
export const defaultTemplate = (date: string): string => `# ${date}\n\n## Notes\n\n## Tasks\n`
