import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fileDiff } from "../../../../src/services/runtimes/acp/FileDiff.ts"

const NO_END = "\\ No newline at end of file"

/** Applies a diff of one hunk, as `patch` does. */
const applied = (oldText: string, diff: string): string => {
  const before = oldText === "" ? [] : oldText.split(/(?<=\n)/)
  const [, , range = "", ...hunk] = diff.split("\n")
  if (range === "") return oldText
  const [, start = "0", length = "0"] = /^@@ -(\d+),(\d+) /.exec(range) ?? []
  const first = length === "0" ? Number(start) : Number(start) - 1
  const lines = hunk.flatMap((line, n) => (line === NO_END ? [] : [hunk[n + 1] === NO_END ? line : `${line}\n`]))
  const kept = lines.filter((line) => !line.startsWith("+")).map((line) => line.slice(1))
  expect(before.slice(first, first + Number(length))).toEqual(kept)
  const after = lines.filter((line) => !line.startsWith("-")).map((line) => line.slice(1))
  return [...before.slice(0, first), ...after, ...before.slice(first + Number(length))].join("")
}

const Lines = Schema.Array(Schema.Literals(["a", "b", "c", ""])).check(Schema.isMaxLength(20))

describe("FileDiff", () => {
  it("A change shows three lines around it.", () => {
    const oldText = "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    expect(fileDiff({ path: "a.txt", oldText, newText: oldText.replace("5", "five") })).toBe(
      "--- a.txt\n+++ a.txt\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8",
    )
  })

  it("A new file comes from /dev/null.", () => {
    expect(fileDiff({ path: "a", oldText: null, newText: "x\ny" })).toBe(
      `--- /dev/null\n+++ a\n@@ -0,0 +1,2 @@\n+x\n+y\n${NO_END}`,
    )
  })

  it("A file without a change has a header only.", () => {
    expect(fileDiff({ path: "a", oldText: "x", newText: "x" })).toBe("--- a\n+++ a")
  })

  it.prop("The diff turns the old text into the new one.", [Lines, Lines], ([before, after]) => {
    const [oldText, newText] = [before.join("\n"), after.join("\n")]
    expect(applied(oldText, fileDiff({ path: "a", oldText, newText }))).toBe(newText)
    expect(applied("", fileDiff({ path: "a", oldText: null, newText }))).toBe(newText)
  })
})
