import { describe, expect, it } from "@effect/vitest"
import { FollowedTopics } from "../../../src/services/events/FollowedTopics.ts"

describe("FollowedTopics", () => {
  it("An observer is told now, at the first subscriber of the topic and after the last one.", () => {
    const followed = new FollowedTopics()
    const told: Array<boolean> = []
    const remove = followed.observe("fleet", (isFollowed) => told.push(isFollowed))
    const everything = followed.add({})
    expect(told).toEqual([false])
    const one = followed.add({ topics: ["fleet", "chat"] })
    const two = followed.add({ topics: ["fleet"], sessionKey: "a" })
    expect(told).toEqual([false, true])
    one()
    one()
    everything()
    expect(told).toEqual([false, true])
    two()
    expect(told).toEqual([false, true, false])
    remove()
    followed.add({ topics: ["fleet"] })
    expect(told).toEqual([false, true, false])
  })
})
