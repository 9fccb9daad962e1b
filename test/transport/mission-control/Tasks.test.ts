/**
 * What is found in Markdown documents: tasks and memories, by properties and by examples.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fileOf } from "../../../src/transport/mission-control/Files.ts"
import { parseMemories } from "../../../src/transport/mission-control/Memories.ts"
import { memoryRow } from "../../../src/transport/mission-control/Views.ts"
import { parseTasks } from "../../../src/transport/mission-control/Tasks.ts"

const AT = 1_700_000_000_000
const tasks = (content: string) => parseTasks(content, "2026-02-22", AT)
const memories = (content: string, source = "2026-02-22") => parseMemories(content, source, AT)

const Title = Schema.Literals(["buy milk", "SLOW cooker", "write", "a - b", "[link](x)", "FLOWERS", "über"])
const Priority = Schema.Literals(["CRITICAL", "HIGH", "MEDIUM", "LOW"])
const Box = Schema.Struct({
  done: Schema.Boolean,
  title: Title,
  tag: Schema.optionalKey(Priority),
  indent: Schema.Literals(["", "  ", "\t"]),
  bullet: Schema.Literals(["-", "*"]),
  end: Schema.Literals(["\n", "\r\n"]),
})
const Noise = Schema.Literals([
  "",
  "text\n",
  "- item\n",
  "-[ ] none\n",
  "- [] none\n",
  "- [y] none\n",
  "- [ ]\n",
  "## Head\n",
])

const boxText = ({ bullet, done, end, indent, tag, title }: typeof Box.Type) =>
  `${indent}${bullet} [${done ? "x" : " "}] ${title}${tag === undefined ? "" : ` [${tag}]`}${end}`

describe("tasks", () => {
  it.prop(
    "are the check boxes, all of them in order, with what they say",
    [Schema.Array(Schema.Tuple([Noise, Box]))],
    ([lines]) => {
      const found = tasks(lines.map(([noise, box]) => noise + boxText(box)).join(""))
      expect(found.map(({ priority, status, title }) => ({ priority, status, title }))).toEqual(
        lines.map(([, { done, tag, title }]) => ({
          title,
          status: done ? "done" : "todo",
          priority: tag?.toLowerCase() ?? "medium",
        })),
      )
      expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
    },
    { arbitrary: { runs: 500, size: 20 } },
  )

  it.prop("are found in any text", [Schema.String], ([content]) => void tasks(content), {
    arbitrary: { runs: 2_000, size: 300 },
  })

  // Quadratic time would be a quarter of an hour.
  it("are found in a line with a megabyte of blanks", () => {
    const blanks = " ".repeat(1_000_000)
    expect(tasks(`- [ ] a${blanks}b`)).toMatchObject([{ title: `a${blanks}b` }])
    expect(tasks(`- [ ] a${blanks}[HIGH]${blanks}b`)).toMatchObject([{ title: "a b", priority: "high" }])
    expect(tasks(`${blanks}- [ ]${blanks}`)).toEqual([])
  })

  it("have their priority from a word in capitals, or a tag however written", () => {
    const priorities = tasks(
      [
        "- [ ] **CRITICAL** fix it",
        "- [ ] HIGH: call",
        "- [ ] LOW",
        "- [ ] [high] tagged",
        "- [ ] HIGHER things",
        "- [ ] below the low line",
        "- [X] done [LOW] now",
      ].join("\n"),
    )
    expect(priorities.map(({ priority, title }) => [priority, title])).toEqual([
      ["critical", "CRITICAL fix it"],
      ["high", "HIGH: call"],
      ["low", "LOW"],
      ["high", "tagged"],
      ["medium", "HIGHER things"],
      ["medium", "below the low line"],
      ["low", "done now"],
    ])
  })

  it("have every field that boards show", () => {
    expect(tasks("- [ ] go")).toEqual([
      {
        id: "task-2026-02-22-0",
        title: "go",
        status: "todo",
        priority: "medium",
        description: "",
        assignee: "",
        workflow: "personal",
        tags: [],
        createdAt: AT,
        updatedAt: AT,
        source: "2026-02-22",
      },
    ])
  })
})

const Line = Schema.Literals(["", "text", "- item", "# Title", "#### Deep", "##none", "a category: no", "- [ ] box"])
const Section = Schema.Struct({
  level: Schema.Literals(["##", "###"]),
  title: Title,
  category: Schema.optionalKey(Schema.Literals(["Work", "life and so on"])),
  tags: Schema.optionalKey(Schema.Array(Schema.Literals(["a", "b c"])).check(Schema.isMinLength(1))),
  lines: Schema.Array(Line),
})

const sectionText = ({ category, level, lines, tags, title }: typeof Section.Type) =>
  [
    `${level} ${title}`,
    ...(category === undefined ? [] : [`Category: ${category}`]),
    ...(tags === undefined ? [] : [`Tags: ${tags.join(", ").toUpperCase()}`]),
    ...lines,
  ].join("\n")

describe("memories", () => {
  it.prop(
    "are the sections, all of them in order, with what they say",
    [Schema.Array(Line), Schema.Array(Section)],
    ([before, sections]) => {
      const found = memories([...before, ...sections.map(sectionText)].join("\n"))
      expect(found.map(({ category, content, tags, title }) => ({ category, content, tags, title }))).toEqual(
        sections.map(({ category = "general", lines, tags = [], title }) => ({
          category,
          tags,
          title,
          content: lines.join("\n").trim(),
        })),
      )
      expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
    },
    { arbitrary: { runs: 500, size: 15 } },
  )

  it.prop(
    "are found in any text of any document",
    [Schema.String, Schema.String, Schema.Finite],
    ([content, source, at]) => void parseMemories(`## x\n${content}`, source, at),
    { arbitrary: { runs: 2_000, size: 300 } },
  )

  it("are of the day that their document is named after, else of its last change", () => {
    const dates = (source: string) => memories("## x", source).map(({ date }) => date)
    expect(dates("2026-02-22")).toEqual(["2026-02-22T00:00:00.000Z"])
    expect(dates("2026-13-40")).toEqual([new Date(AT).toISOString()])
    expect(dates("notes")).toEqual([new Date(AT).toISOString()])
  })
})

describe("a document", () => {
  const content = "## Plan\ncategory: work\n- [ ] go\n"

  it("is a file with what is found in it", () => {
    const file = fileOf({ id: "2026-02-22", size: 1, modifiedAt: AT, content })
    expect(file).toEqual({
      id: "2026-02-22",
      date: "2026-02-22",
      content,
      lastModified: AT,
      tasks: tasks(content),
      memories: memories(content),
    })
    expect(file.memories).toMatchObject([{ title: "Plan", category: "work", content: "- [ ] go" }])
  })

  it.prop(
    "as a memory is its first 5000 characters, never half of one",
    [Schema.Int.check(Schema.isBetween({ minimum: 4_990, maximum: 5_010 }))],
    ([length]) => {
      const { content } = memoryRow({ id: "x", size: 1, modifiedAt: AT, content: `${"x".repeat(length)}😀😀😀😀😀😀` })
      expect(content.length).toBeLessThanOrEqual(5_000)
      expect(content.length).toBeGreaterThanOrEqual(4_999)
      expect(content.isWellFormed()).toBe(true)
    },
  )
})
