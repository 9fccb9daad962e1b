/**
 * FileDiff: writes the change of a file as a unified diff with one hunk, from the first changed line to the last.
 * AgentOutput shows the edits of agents with it.
 */

/** A file before and after a change. `oldText` is null or left out if the file is new. */
export interface FileChange {
  readonly path: string
  readonly oldText?: string | null | undefined
  readonly newText: string
}

/** The unchanged lines before and after the changed ones. */
const CONTEXT_LINES = 3

/** Returns the unified diff, or only its header if nothing changes. Takes linear time. */
export const fileDiff = ({ newText, oldText, path }: FileChange): string => {
  const isNew = oldText === undefined || oldText === null
  const before = isNew ? [] : linesOf(oldText)
  const after = linesOf(newText)
  const shorter = Math.min(before.length, after.length)
  let same = 0
  while (same < shorter && before[same] === after[same]) same++
  let sameEnd = 0
  while (sameEnd < shorter - same && before.at(-1 - sameEnd) === after.at(-1 - sameEnd)) sameEnd++
  const header = `--- ${isNew ? "/dev/null" : path}\n+++ ${path}`
  const removed = before.slice(same, before.length - sameEnd)
  const added = after.slice(same, after.length - sameEnd)
  if (removed.length + added.length === 0) return header
  const start = Math.max(0, same - CONTEXT_LINES)
  const leading = before.slice(start, same)
  const trailing = after.slice(after.length - sameEnd).slice(0, CONTEXT_LINES)
  const range = (changed: ReadonlyArray<string>) => {
    const length = leading.length + changed.length + trailing.length
    // A range without lines names the line before it.
    return `${length === 0 ? start : start + 1},${length}`
  }
  return [
    header,
    `@@ -${range(removed)} +${range(added)} @@`,
    ...leading.map((line) => written(" ", line)),
    ...removed.map((line) => written("-", line)),
    ...added.map((line) => written("+", line)),
    ...trailing.map((line) => written(" ", line)),
  ].join("\n")
}

/** Returns the lines with their ends. The last one may have none. */
const linesOf = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(/(?<=\n)/))

const written = (mark: string, line: string): string =>
  line.endsWith("\n") ? mark + line.slice(0, -1) : `${mark}${line}\n\\ No newline at end of file`
