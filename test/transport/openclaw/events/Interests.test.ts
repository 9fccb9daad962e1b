/** Interests: the view key and the effect of subscriptions, for generated clients. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { apply, interestsKey } from "../../../../src/transport/openclaw/events/Interests.ts"
import { Client, interestsAfter, Subscription } from "../../../support/OpenClawInterests.ts"

const many = { arbitrary: { runs: 300, size: 20 } }

describe("Interests", () => {
  it.prop(
    "Two values have the same key exactly if their frames are the same.",
    [Client, Schema.Array(Subscription), Schema.Array(Subscription)],
    ([client, some, others]) => {
      const one = interestsAfter(client, some)
      const other = interestsAfter(client, others)
      const hasEveryMessage = one.sessions && !one.scoped
      const sameMessages = hasEveryMessage || one.keys.join() === other.keys.join()
      const sameApprovals = one.approvals.join() === other.approvals.join()
      const sameFrames = one.sessions === other.sessions && sameMessages && sameApprovals
      expect(interestsKey(one) === interestsKey(other)).toBe(sameFrames)
    },
    many,
  )

  it.prop(
    "A repeated subscription changes nothing, and the keys stay sorted and unique.",
    [Client, Schema.Array(Subscription)],
    ([client, subscriptions]) => {
      const interests = interestsAfter(client, subscriptions)
      for (const { key, method } of subscriptions.slice(-1)) expect(apply(interests, method, { key })).toBe(interests)
      expect(interests.keys).toEqual([...new Set(interests.keys)].toSorted())
      expect(interests.approvals).toEqual(interests.keys.filter((key) => interests.approvals.includes(key)))
    },
    many,
  )
})
