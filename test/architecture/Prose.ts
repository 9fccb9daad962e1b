/**
 * Prose: the writing rules of CONTRIBUTING.md that a program can check. Each rule returns the lines of a text that break
 * it. Language.test.ts applies the rules to the tree.
 */

/** A line of a file that breaks a rule. Lines count from 1. */
export interface Finding {
  readonly line: number
  readonly text: string
}

export type Rule = (text: string) => ReadonlyArray<Finding>

const linesWhere =
  (breaksRule: (line: string, at: number, lines: ReadonlyArray<string>) => boolean): Rule =>
  (text) =>
    text
      .split("\n")
      .flatMap((line, at, lines) => (breaksRule(line, at, lines) ? [{ line: at + 1, text: line.trim() }] : []))

const ARCHAIC =
  /\b(anew|in vain|whoever|whomever|(?<!there )(?:is|are) none|passed by|for ever|is to be told|has it that)\b/i

/** Finds words out of use. */
export const archaicWords: Rule = linesWhere((line) => ARCHAIC.test(line))

/** Returns the first line of the doc comment that opens in this line, or `undefined` if none opens here. */
const docOpening = (line: string, next: string | undefined): string | undefined =>
  /^\s*\/\*\*\s*$/.test(line) ? next?.replace(/^\s*\* ?/, "") : /^\s*\/\*\* (.*)/.exec(line)?.[1]

/** Finds doc comments whose first sentence has a relative clause in place of a subject or a verb. */
export const relativeOpenings: Rule = linesWhere((line, at, lines) =>
  /^(What|Who|Whom|Whose|That) /.test(docOpening(line, lines[at + 1]) ?? ""),
)

/** Finds comments that list what a module does not know. */
export const ignoranceFormulas: Rule = linesWhere(
  (line) => /^\s*(?:\/\*\*|\*|\/\/)/.test(line) && /\b[Ii]t knows (no|nobody|nothing)\b/.test(line),
)

const TEST_NAME = /\bit(?:\.(?:effect|live|prop|skipIf\(.*\)))*(?:\.each\(.*\))?\(\s*("(?:[^"\\]|\\.)*"|`[^`]*`)/g
const WHOLE_SENTENCE = /^(?:[A-Z0-9$/`"'\\.]).*[.?!]["'`)]?$/s

/** Vitest reads the full stop after a placeholder as a path into the value, and shows `undefined`. */
const PLACEHOLDER_LAST = /\$[a-zA-Z]\w*\.$/

/**
 * Finds test names that are not whole sentences: a capital, a name or a placeholder first, a full stop last, and no
 * placeholder of a table directly before it.
 */
export const testNames: Rule = (text) =>
  [...text.matchAll(TEST_NAME)].flatMap(({ 1: quoted = "", index }) => {
    const name = quoted.slice(1, -1)
    return WHOLE_SENTENCE.test(name) && !PLACEHOLDER_LAST.test(name)
      ? []
      : [{ line: text.slice(0, index).split("\n").length, text: name }]
  })
