/**
 * WallClock: whether the machine's clock can be believed. Nothing is ordered by it (positions are), but what happened
 * is dated by it: a clock behind the newest event dates new things before old ones.
 */
import type { DatabaseSync } from "node:sqlite"

/** What the clock of a machine may be corrected by without anybody noticing. */
const TOLERATED_MS = 2_000

export const newestEventAt = (db: DatabaseSync): number =>
  Number(db.prepare("SELECT at FROM events ORDER BY seq DESC LIMIT 1").get()?.["at"] ?? 0)

/** What is wrong with the clock, if it is behind the newest event by more than is tolerated. */
export const clockSetBack = (newestEventAt: number, now: number, toleratedMs = TOLERATED_MS): string | null =>
  now + toleratedMs >= newestEventAt
    ? null
    : `the clock is ${Math.ceil((newestEventAt - now) / 1_000)} s behind the newest event; times will be out of order`
