/**
 * Nearest: what somebody may have meant who typed a name that does not exist.
 */

/** Edits (insertions, deletions, substitutions) that make one text the other: Levenshtein's distance. */
export const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The names that are a few edits away or of the same noun, the nearest first. */
export const nearest = (typed: string, names: Iterable<string>): ReadonlyArray<string> => {
  const noun = `${typed.split(".", 1)[0]}.`
  return [...names]
    .map((name) => ({ name, edits: distance(typed, name), related: name.startsWith(noun) }))
    .filter(({ edits, related }) => related || edits <= Math.max(2, typed.length / 3))
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, 5)
    .map(({ name }) => name)
}
