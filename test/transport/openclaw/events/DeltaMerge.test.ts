/** DeltaMerge: merges of generated texts. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { mergeable, mergeKey } from "../../../../src/transport/openclaw/events/DeltaMerge.ts"
import { textDelta, textReplacement } from "../../../../src/transport/openclaw/events/RunEvents.ts"

describe("DeltaMerge", () => {
  it.prop(
    "Merged deltas have the whole text in whatever order they are merged, and keep the mark of a replacement.",
    [Schema.Array(Schema.String).check(Schema.isMinLength(3)), Schema.Boolean],
    ([texts, replaces]) => {
      const run = { runId: "r", sessionKey: "s", agentId: "a" }
      const meta = { seq: 1, at: 1 }
      const by = mergeable(JSON.stringify)
      const first = replaces ? textReplacement(run, meta, texts[0]!) : textDelta(run, meta, texts[0]!)
      const payloads = [first, ...texts.slice(1).map((text) => textDelta(run, meta, text))]
      const left = payloads.reduce((a, b) => by.merge(a, b))
      const right = payloads.reduceRight((b, a) => by.merge(a, b))
      expect(left[1]["deltaText"]).toBe(texts.join(""))
      expect(right[1]["deltaText"]).toBe(texts.join(""))
      expect(left[1]["replace"]).toBe(replaces ? true : undefined)
      expect(right[1]["replace"]).toBe(replaces ? true : undefined)
      expect(new Set(payloads.map(mergeKey)).size).toBe(1)
    },
    { arbitrary: { runs: 300, size: 20 } },
  )
})
