/** SessionKeys: keys as clients write them, and the UUIDs of transcripts. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { SessionKey } from "../../../../src/domain/Bounds.ts"
import { canonicalKey, sessionIdOf } from "../../../../src/transport/openclaw/methods/SessionKeys.ts"

describe("SessionKeys", () => {
  it.prop("Every key but `main` and the empty key stands for itself.", [Schema.String], ([key]) => {
    const canonical = canonicalKey(key, "luna")
    expect(canonicalKey(canonical)).toBe(canonical)
    if (!["", "main"].includes(key.trim().toLowerCase())) expect(canonical).toBe(key.trim())
  })

  it("`main` and a missing key stand for the main session of the agent.", () => {
    for (const key of ["main", " MAIN ", "", null, undefined]) {
      expect(canonicalKey(key, "Luna")).toBe("agent:luna:main")
      expect(canonicalKey(key)).toBe("agent:main:main")
    }
  })

  it.prop("Each key has a UUID of its own.", [SessionKey, SessionKey, Schema.Int], ([a, b, createdAt]) => {
    const id = sessionIdOf({ key: a, createdAt })
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(sessionIdOf({ key: b, createdAt }) === id).toBe(a === b)
  })
})
