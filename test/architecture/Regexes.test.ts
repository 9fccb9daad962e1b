/**
 * Proves that no regular expression of the source takes more than linear time on any input. A frame of 4 MB would
 * otherwise stop the gateway for hours.
 */
import { describe, expect, it } from "@effect/vitest"
import { checkSync } from "recheck"
import { parseAst } from "rolldown/parseAst"
import { filesIn } from "./SourceTree.ts"

interface Regex {
  readonly pattern: string
  readonly flags: string
}

/** Returns the literals of a program, and `RegExp(...)` as a pattern of its own, which nothing can check. */
const regexesOf = (program: string): ReadonlyArray<Regex | "RegExp"> => {
  const found: Array<Regex | "RegExp"> = []
  const walk = (node: any): void => {
    if (typeof node !== "object" || node === null) return
    if (node.type === "Literal" && node.regex) found.push({ pattern: node.regex.pattern, flags: node.regex.flags })
    if (node.callee?.name === "RegExp") found.push("RegExp")
    for (const child of Object.values(node)) walk(child)
  }
  walk(parseAst(program, { lang: "ts" }))
  return found
}

/** Returns whether a repetition of the pattern has no upper limit. */
const isUnlimited = (pattern: string): boolean =>
  /[*+]|\{\d+,\}/.test(pattern.replace(/\\./g, "x").replace(/\[[^\]]*\]/g, "x"))

/** Returns what is wrong with a regular expression, or `undefined` if it is proven to take linear time. */
const problemOf = (regex: Regex | "RegExp"): string | undefined => {
  if (regex === "RegExp") return "RegExp(...): write a literal, which can be checked"
  const { flags, pattern } = regex
  const verdict = checkSync(pattern, flags, { timeout: 120_000 })
  const name = `/${pattern}/${flags}`
  if (verdict.status === "vulnerable") return `${name}: ${verdict.complexity.summary}`
  if (verdict.status === "unknown") return `${name}: not decided (${verdict.error.kind})`
  // A search for attacks that finds none proves nothing, unless every repetition of the pattern has a limit.
  return verdict.checker === "automaton" || !isUnlimited(pattern)
    ? undefined
    : `${name}: not proven; leave out look-arounds and back references beside + and *`
}

const problemsIn = (program: string) => regexesOf(program).flatMap((regex) => problemOf(regex) ?? [])

describe("Regular expressions", () => {
  it("The regular expressions of the source take linear time on every input.", { timeout: 600_000 }, () => {
    const problems = filesIn("src")
      .filter(({ path }) => path.endsWith(".ts"))
      .flatMap(({ path, text }) => problemsIn(text).map((problem) => `${path}: ${problem}`))
    expect(problems).toEqual([])
  })

  it.each([
    String.raw`text.replace(/^-+|-+$/g, "")`,
    String.raw`text.replace(/\s*\[LOW\]\s*/i, " ")`,
    String.raw`const pattern: RegExp = /^(a+)+$/`,
    String.raw`/<html(?![^>]*\sid)/.test(text)`,
    String.raw`new RegExp(written)`,
  ])("The check rejects %s.", { timeout: 60_000 }, (program) => {
    expect(problemsIn(program)).toHaveLength(1)
  })

  it("The check accepts regular expressions that take linear time.", { timeout: 60_000 }, () => {
    expect(
      problemsIn(String.raw`text.replace(/^-+/, "").split(/\r?\n/); /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text)`),
    ).toEqual([])
  })
})
