/**
 * Language: applies the writing rules of CONTRIBUTING.md that a program can check to comments, messages, test names and
 * pages.
 */
import { describe, expect, it } from "@effect/vitest"
import { archaicWords, ignoranceFormulas, relativeOpenings, type Rule, testNames } from "./Prose.ts"
import { filesIn, type SourceFile } from "./SourceTree.ts"

/** `Prose.ts` contains the words that it looks for, and this file the sentences that prove the rules. */
const UNCHECKED = new Set(["test/architecture/Prose.ts", "test/architecture/Language.test.ts"])

const files: ReadonlyArray<SourceFile> = [
  ...["src", "test", "docs", "bench", "examples", "scripts"].flatMap((folder) => filesIn(folder)),
  ...filesIn("", false),
].filter(({ path }) => !UNCHECKED.has(path))

const programs = files.filter(({ path }) => path.endsWith(".ts"))

const findings = (rule: Rule, all: ReadonlyArray<SourceFile>) =>
  all.flatMap(({ path, text }) => rule(text).map(({ line, text }) => `${path}:${line}: ${text}`))

describe("Language", () => {
  it("Comments, messages and pages contain no archaic words.", () => {
    expect(findings(archaicWords, files)).toEqual([])
  })

  it("Doc comments do not begin with a relative clause.", () => {
    expect(findings(relativeOpenings, programs)).toEqual([])
  })

  it("Module headers do not list facts that a module does not know.", () => {
    expect(findings(ignoranceFormulas, programs)).toEqual([])
  })

  it("Test names are whole sentences.", () => {
    expect(findings(testNames, programs)).toEqual([])
  })
})

describe("Prose", () => {
  const rules = { archaicWords, ignoranceFormulas, relativeOpenings, testNames }

  const bad: ReadonlyArray<readonly [rule: keyof typeof rules, text: string, found: string]> = [
    ["archaicWords", "It asks in vain.", "It asks in vain."],
    ["archaicWords", "// Whoever calls it waits.", "// Whoever calls it waits."],
    ["relativeOpenings", "/** What a client sends. */", "/** What a client sends. */"],
    ["relativeOpenings", "  /**\n   * Who is connected.\n   */", "/**"],
    ["ignoranceFormulas", " * Frames. It knows no socket.", "* Frames. It knows no socket."],
    ["testNames", 'it("is closed with a reason", () => {})', "is closed with a reason"],
    ["testNames", 'it.effect.each(rows)("$name is closed", () => {})', "$name is closed"],
    ["testNames", 'it.prop(\n  "sorts",\n  [A], f)', "sorts"],
    ["testNames", "it.live(`${name}: answers`, f)", "${name}: answers"],
    ["testNames", 'it.each(rows)("The answer is $name.", f)', "The answer is $name."],
  ]
  it.each(bad)("The rule %s finds %j.", (rule, text, found) => {
    expect(rules[rule](text)).toEqual([{ line: 1, text: found }])
  })

  const good: ReadonlyArray<readonly [rule: keyof typeof rules, text: string]> = [
    ["archaicWords", "The cell has a vein, and the user passed bytes."],
    ["relativeOpenings", "/** Returns what a client sends. */"],
    ["ignoranceFormulas", 'const text = "it knows no bounds"'],
    ["testNames", 'it("A slow client is closed with a reason.", () => {})'],
    ["testNames", 'it.each(rows)("$name is closed.", () => {})'],
    ["testNames", 'await("a value")'],
  ]
  it.each(good)("The rule %s accepts %j.", (rule, text) => {
    expect(rules[rule](text)).toEqual([])
  })
})
