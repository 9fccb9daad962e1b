/** Files: the file of a document, with its tasks and memories. */
import { describe, expect, it } from "@effect/vitest"
import { fileOf } from "../../../src/transport/mission-control/Files.ts"
import { parseMemories } from "../../../src/transport/mission-control/Memories.ts"
import { parseTasks } from "../../../src/transport/mission-control/Tasks.ts"

const AT = 1_700_000_000_000

describe("Files", () => {
  const content = "## Plan\ncategory: work\n- [ ] go\n"

  it("A document becomes a file with its tasks and memories.", () => {
    const file = fileOf({ id: "2026-02-22", size: 1, modifiedAt: AT, content })
    expect(file).toEqual({
      id: "2026-02-22",
      date: "2026-02-22",
      content,
      lastModified: AT,
      tasks: parseTasks(content, "2026-02-22", AT),
      memories: parseMemories(content, "2026-02-22", AT),
    })
    expect(file.memories).toMatchObject([{ title: "Plan", category: "work", content: "- [ ] go" }])
  })
})
