/**
 * Compares the routing with a second implementation of its rules, which follows the tables of the protocol.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { DmScope, normalizeAgentId } from "../../src/domain/Agent.ts"
import { Binding } from "../../src/domain/Binding.ts"
import { RoutePart, SessionKey } from "../../src/domain/Bounds.ts"
import { agentOfSessionKey, inOrder, resolve, type Route, sessionKey } from "../../src/domain/Routing.ts"

const Word = Schema.Literals(["a", "b", "telegram", "telegram:a", "slack:b", "*", ""])
const BindingOf = Schema.Struct({
  ...Binding.fields,
  agentId: Schema.Literals(["luna", "sage", "main"]),
  matchValue: Word,
  priority: Schema.Literals([-1, 0, 0, 1]),
})
const Bindings = Schema.Array(BindingOf)
const RouteOf = Schema.Struct({
  channel: Schema.optionalKey(Word),
  peerId: Schema.optionalKey(Word),
  guildId: Schema.optionalKey(Word),
  accountId: Schema.optionalKey(Word),
})

/** The table of tiers: 1 peer_id, 2 guild_id, 3 account_id, 4 channel, 5 default. */
const keyOfTier = { 1: "peer_id", 2: "guild_id", 3: "account_id", 4: "channel", 5: "default" } as const

const hits = (binding: Binding, route: Route): boolean => {
  if (keyOfTier[binding.tier] !== binding.matchKey) return false
  if (binding.matchKey === "default") return true
  const factOf = {
    peer_id: route.peerId,
    guild_id: route.guildId,
    account_id: route.accountId,
    channel: route.channel,
  }
  const fact = factOf[binding.matchKey]
  if (fact === undefined) return false
  const qualified = binding.matchKey === "peer_id" && binding.matchValue.includes(":")
  return binding.matchValue === (qualified ? [route.channel ?? "", fact].join(":") : fact)
}

/** Tier by tier; within a tier the highest priority; within a priority the one that was set first. */
const expected = (bindings: ReadonlyArray<Binding>, route: Route): Binding | undefined => {
  for (const tier of [1, 2, 3, 4, 5]) {
    const candidates = bindings.filter((binding) => binding.tier === tier && hits(binding, route))
    const highest = Math.max(...candidates.map(({ priority }) => priority))
    const winner = candidates.find(({ priority }) => priority === highest)
    if (winner !== undefined) return winner
  }
  return undefined
}

describe("resolve", () => {
  it.prop(
    "The first matching binding by tier, then priority, then age wins.",
    [Bindings, RouteOf],
    ([bindings, route]) => {
      const found = resolve(inOrder(bindings), route)
      const winner = expected(bindings, route)
      expect(found.binding).toBe(winner)
      expect(found.agentId).toBe(winner?.agentId ?? "main")
    },
    { arbitrary: { runs: 2_000, size: 12 } },
  )

  it("A peer with a colon matches channel and peer together.", () => {
    const binding: Binding = { agentId: "luna", tier: 1, matchKey: "peer_id", matchValue: "telegram:42", priority: 0 }
    expect(resolve([binding], { channel: "telegram", peerId: "42" }).agentId).toBe("luna")
    expect(resolve([binding], { channel: "slack", peerId: "42" }).agentId).toBe("main")
    expect(resolve([binding], { peerId: "telegram:42" }).agentId).toBe("main")
  })
})

const Part = Schema.Literals(["", " ", "Ada", "ada", " ÀB ", "x:y", "42"])

describe("sessionKey", () => {
  it.prop(
    "The key of a session is lower case and follows the agent's scope. Without a peer it names the main session.",
    [DmScope, Schema.Struct({ channel: Part, peerId: Part, accountId: Part })],
    ([scope, route]) => {
      const clean = (text: string) => text.trim().toLowerCase()
      const peer = clean(route.peerId)
      const channel = clean(route.channel) || "unknown"
      const account = clean(route.accountId) || "default"
      const table: Record<DmScope, string> = {
        main: "agent:luna:main",
        "per-peer": `agent:luna:direct:${peer}`,
        "per-channel-peer": `agent:luna:${channel}:direct:${peer}`,
        "per-account-channel-peer": `agent:luna:${channel}:${account}:direct:${peer}`,
      }
      expect(sessionKey("luna", scope, route)).toBe(peer === "" ? "agent:luna:main" : table[scope])
    },
  )

  it.prop("The key of a session names its agent.", [DmScope, RouteOf], ([scope, route]) => {
    expect(agentOfSessionKey(sessionKey("luna", scope, route))).toBe("luna")
  })

  it("A key of another form names no agent.", () => {
    for (const key of ["main", "agent:", "agent::x", "agent:luna", "agent:luna:", "x:agent:luna:main"]) {
      expect(agentOfSessionKey(key)).toBeUndefined()
    }
  })
})

/**
 * Applies the table of the protocol to each character. A valid id stays. Otherwise letters become lower case, runs of other
 * characters become "-", outer "-" are removed, and the result is cut to 64 characters.
 */
const normalized = (input: string): string => {
  const trimmed = input.trim()
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(trimmed)) return trimmed
  let id = ""
  for (const character of trimmed.toLowerCase()) {
    if (/[a-z0-9_-]/.test(character)) id += character
    else if (!id.endsWith("\0")) id += "\0"
  }
  id = id.replaceAll("\0", "-")
  while (id.startsWith("-")) id = id.slice(1)
  while (id.endsWith("-")) id = id.slice(0, -1)
  return id.slice(0, 64) || "main"
}

const Text = Schema.Array(Schema.Literals(["A", "z", "0", "-", "_", " ", "!", "é", "İ", "\n", "aaaaaaaaaa"]))

describe("RoutePart", () => {
  it("The key of a route with the longest parts is a valid session key.", () => {
    const part = Schema.decodeSync(RoutePart)("İ".repeat(256))
    const route = { channel: part, accountId: part, peerId: part }
    for (const dmScope of DmScope.literals) {
      const key = sessionKey("a".repeat(64), dmScope, route)
      expect(Schema.decodeSync(SessionKey)(key)).toBe(key)
    }
  })

  it.each(["a\nb", "\u0000", "half of \ud83d", "x".repeat(257)])("A route has no part %j.", (part) => {
    expect(Schema.is(RoutePart)(part)).toBe(false)
  })
})

describe("normalizeAgentId", () => {
  it.prop(
    "Every text becomes a valid id of an agent.",
    [Text],
    ([parts]) => {
      const text = parts.join("")
      expect(normalizeAgentId(text)).toBe(normalized(text))
      expect(normalizeAgentId(text)).toMatch(/^[a-z0-9_-]{1,64}$/)
    },
    { arbitrary: { runs: 2_000, size: 40 } },
  )

  it.prop("A normalized id stays as it is.", [Text], ([parts]) => {
    const id = normalizeAgentId(parts.join(""))
    expect(normalizeAgentId(id)).toBe(id)
  })

  it.each([
    ["", "main"],
    ["   ", "main"],
    ["---", "main"],
    ["Luna", "luna"],
    ["  luna ", "luna"],
    ["My Agent!", "my-agent"],
    ["_x", "_x"],
    ["a".repeat(80), "a".repeat(64)],
  ])("The id for the name %j is %j.", (text, id) => {
    expect(normalizeAgentId(text)).toBe(id)
  })

  // Quadratic time would take a quarter of an hour.
  it("A megabyte of dashes is normalized in linear time.", () => {
    expect(normalizeAgentId(`a${"-".repeat(1_000_000)}x`)).toBe("a")
    expect(normalizeAgentId(`${"-".repeat(1_000_000)}x`)).toBe("main")
    expect(normalizeAgentId(`${" ".repeat(1_000_000)}x`)).toBe("x")
  })
})
