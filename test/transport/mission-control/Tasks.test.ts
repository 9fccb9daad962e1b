/** Tasks: the check boxes of Markdown documents, by properties and by examples. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { parseTasks } from "../../../src/transport/mission-control/Tasks.ts"

const AT = 1_700_000_000_000
const tasks = (content: string) => parseTasks(content, "2026-02-22", AT)

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

describe("Tasks", () => {
  it.prop(
    "The tasks are all check boxes in order, with their titles, states and priorities.",
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

  it.prop("Any text is valid input.", [Schema.String], ([content]) => void tasks(content), {
    arbitrary: { runs: 2_000, size: 300 },
  })

  // With quadratic time, this test would take a quarter of an hour.
  it("A line with a megabyte of blanks takes linear time.", () => {
    const blanks = " ".repeat(1_000_000)
    expect(tasks(`- [ ] a${blanks}b`)).toMatchObject([{ title: `a${blanks}b` }])
    expect(tasks(`- [ ] a${blanks}[HIGH]${blanks}b`)).toMatchObject([{ title: "a b", priority: "high" }])
    expect(tasks(`${blanks}- [ ]${blanks}`)).toEqual([])
  })

  it("The priority comes from a word in capitals, or from a tag in any case.", () => {
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

  it("A task has every field of the boards.", () => {
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
