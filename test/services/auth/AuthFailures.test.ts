import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { CredentialKind } from "../../../src/domain/Refusal.ts"
import { AuthFailures } from "../../../src/services/auth/AuthFailures.ts"

const LIMIT = 3
const MEMORY_MS = 1_000

const guesser = "198.51.100.7"
const bystander = "203.0.113.1"

const network = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

const failTimes = (failures: AuthFailures, times: number, address: string, now = 0) => {
  for (let i = 0; i < times; i++) failures.fail("token", address, now)
}

const isLocked = (failures: AuthFailures, address: string, now = 0, kind: CredentialKind = "token") =>
  failures.lockedOutForMs(kind, address, now) > 0

describe("AuthFailures", () => {
  it("A network is locked out after the limit, until its last failure has expired.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS)
    expect([0, 1, 2].map((now) => failures.fail("token", guesser, now))).toEqual([1, 2, 3])
    expect(failures.lockedOutForMs("token", guesser, 10)).toBe(992)
    expect(isLocked(failures, bystander, 10)).toBe(false)
    expect(isLocked(failures, guesser, 1_002)).toBe(false)
    expect(failures.fail("token", guesser, 1_002)).toBe(1)
  })

  it("All addresses of an IPv6 network count together.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS)
    for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"]) failures.fail("token", address, 0)
    expect(isLocked(failures, "2001:db8::4")).toBe(true)
    expect(isLocked(failures, "2001:db8:0:1::4")).toBe(false)
  })

  it("A success of one kind resets nothing of another.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS)
    failTimes(failures, LIMIT, guesser)
    for (const kind of ["password", "device-token"] as const) failures.forget(kind, guesser)
    expect(isLocked(failures, guesser)).toBe(true)
    expect(isLocked(failures, guesser, 0, "password")).toBe(false)
    failures.forget("token", guesser)
    expect(isLocked(failures, guesser)).toBe(false)
  })

  it("A lockout does not grow if the clock is set back.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS)
    failTimes(failures, LIMIT, guesser, 1_000_000)
    expect(isLocked(failures, guesser, 10)).toBe(false)
    expect(failures.fail("token", guesser, 10)).toBe(1)
  })

  it("A table full of single failures keeps the lockouts and still locks out further guessers.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS)
    failTimes(failures, LIMIT, guesser)
    failTimes(failures, 2, bystander)
    for (let n = 0; n < 200_000; n++) failures.fail("token", network(n), 1)
    expect(failures.size).toBeLessThanOrEqual(65_536)
    expect(isLocked(failures, guesser, 1)).toBe(true)
    expect(failures.fail("token", bystander, 1)).toBe(3)
    expect(isLocked(failures, "192.0.2.9", 1)).toBe(false)
    failTimes(failures, LIMIT, "192.0.2.9", 1)
    expect(isLocked(failures, "192.0.2.9", 1)).toBe(true)
  })

  it("A table full of repeated failures keeps the lockouts and locks out no other network.", () => {
    const failures = new AuthFailures(LIMIT, MEMORY_MS, 100)
    failTimes(failures, LIMIT, guesser)
    for (let n = 0; n < 500; n++) failTimes(failures, 2, network(n))
    expect(failures.size).toBe(100)
    expect(isLocked(failures, guesser)).toBe(true)
    failTimes(failures, LIMIT, bystander)
    expect(isLocked(failures, bystander)).toBe(false)
    expect(failures.fail("token", bystander, 0)).toBe(LIMIT)
    // The failures have expired, so their places are free.
    failTimes(failures, LIMIT, bystander, MEMORY_MS)
    expect(isLocked(failures, bystander, MEMORY_MS)).toBe(true)
  })

  it("A full table keeps a network that one failure locks out.", () => {
    const failures = new AuthFailures(1, MEMORY_MS, 10)
    failures.fail("token", guesser, 0)
    for (let n = 0; n < 50; n++) failures.fail("token", network(n), 0)
    expect(isLocked(failures, guesser)).toBe(true)
  })

  const Step = Schema.Struct({
    network: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
    kind: Schema.Literals(["token", "password"]),
    isSuccess: Schema.Literals([true, false, false, false]),
    waitMs: Schema.Literals([0, 0, 0, 50, 400]),
  })

  it.prop(
    "A network is locked out for its own failures alone and until they expire, and memory is bounded.",
    [Schema.Array(Step)],
    ([steps]) => {
      const failures = new AuthFailures(LIMIT, MEMORY_MS, 4)
      /** The counts of a table without a bound. */
      const exact = new Map<string, { count: number; lastAt: number }>()
      /** The end of the lockout of each network. */
      const lockedUntil = new Map<string, number>()
      /** Counts of two and more that the table has returned. */
      const kept = new Map<string, { count: number; lastAt: number }>()
      let now = 0
      for (const step of steps) {
        now += step.waitMs
        const key = `${step.kind} ${step.network}`
        const address = network(step.network)
        if (step.isSuccess) {
          failures.forget(step.kind, address)
          for (const map of [exact, lockedUntil, kept]) map.delete(key)
        } else {
          const before = exact.get(key)
          const count = before !== undefined && now - before.lastAt < MEMORY_MS ? before.count + 1 : 1
          exact.set(key, { count, lastAt: now })
          const sizeBefore = failures.size
          const returned = failures.fail(step.kind, address, now)
          const earlier = kept.get(key)
          if (earlier !== undefined && now - earlier.lastAt < MEMORY_MS) expect(returned).toBe(earlier.count + 1)
          const isCounted = failures.lockedOutForMs(step.kind, address, now) > 0 || returned < LIMIT
          if (isCounted) expect(returned).toBeLessThanOrEqual(count)
          else expect(sizeBefore).toBe(4)
          if (isCounted && returned >= 2) kept.set(key, { count: returned, lastAt: now })
          if (isCounted && returned >= LIMIT) lockedUntil.set(key, now + MEMORY_MS)
        }
        expect(failures.size).toBeLessThanOrEqual(4)
        for (let n = 0; n < 10; n++) {
          for (const kind of ["token", "password"] as const) {
            const until = lockedUntil.get(`${kind} ${n}`) ?? 0
            expect(failures.lockedOutForMs(kind, network(n), now)).toBe(Math.max(0, until - now))
          }
        }
      }
    },
  )
})
