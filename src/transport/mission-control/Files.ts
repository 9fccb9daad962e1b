/**
 * Files: a document of the memory folder as file-sync clients see it, with the tasks and memories found in it, and the
 * text that a new one begins with. Pure.
 */
import type { DocumentContent } from "../../domain/Memory.ts"
import { type MemorySection, parseMemories } from "./Memories.ts"
import { parseTasks, type Task } from "./Tasks.ts"

export interface MemoryFile {
  readonly id: string
  /** The file's name without `.md`: a day as a rule. */
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

export const defaultTemplate = (date: string): string => `# ${date}\n\n## Notes\n\n## Tasks\n`
