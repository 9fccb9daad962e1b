/**
 * Suggestions: finds the names that are similar to an unknown one, for error messages. The commands and the HTTP routes use
 * it for methods, options, models, tools and fields.
 */

/** Returns the Levenshtein distance: the insertions, deletions and substitutions that turn one text into the other. */
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

/** Returns up to five names that are a few edits away or have the same noun, most similar first. */
export const suggestions = (typed: string, names: Iterable<string>): ReadonlyArray<string> => {
  const noun = `${typed.split(".", 1)[0]}.`
  return [...names]
    .map((name) => ({ name, edits: distance(typed, name), related: name.startsWith(noun) }))
    .filter(({ edits, related }) => related || edits <= Math.max(2, typed.length / 3))
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, 5)
    .map(({ name }) => name)
}

/** Returns `Did you mean "a", "b" or "c"?`, or `undefined` if no name is similar. */
export const didYouMean = (typed: string, names: Iterable<string>): string | undefined => {
  const similar = suggestions(typed, names).map((name) => `"${name}"`)
  const others = similar.slice(0, -1).join(", ")
  return similar.length === 0 ? undefined : `Did you mean ${others}${others === "" ? "" : " or "}${similar.at(-1)}?`
}
