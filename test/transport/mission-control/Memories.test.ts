/** Memories: the sections of Markdown documents, by properties and by examples. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { parseMemories } from "../../../src/transport/mission-control/Memories.ts"

const AT = 1_700_000_000_000
const memories = (content: string, source = "2026-02-22") => parseMemories(content, source, AT)

const Title = Schema.Literals(["buy milk", "SLOW cooker", "write", "a - b", "[link](x)", "FLOWERS", "über"])
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

describe("Memories", () => {
  it.prop(
    "The memories are all sections in order, with their categories, tags and contents.",
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
    "Any text of any document is valid input.",
    [Schema.String, Schema.String, Schema.Finite],
    ([content, source, at]) => void parseMemories(`## x\n${content}`, source, at),
    { arbitrary: { runs: 2_000, size: 300 } },
  )

  it("The date is the day in the document's name, or the time of its last change.", () => {
    const dates = (source: string) => memories("## x", source).map(({ date }) => date)
    expect(dates("2026-02-22")).toEqual(["2026-02-22T00:00:00.000Z"])
    expect(dates("2026-13-40")).toEqual([new Date(AT).toISOString()])
    expect(dates("notes")).toEqual([new Date(AT).toISOString()])
  })
})
