/**
 * LimitReached: the error of a call that would create more than the gateway holds. It is apart from Limits.ts, so that
 * clients do not carry the descriptions of the configuration.
 */
import * as Schema from "effect/Schema"
import type { Limits } from "./Limits.ts"

/** The things that a client can create with many small calls, each with its name and the next step at its limit. */
const bounded = {
  sessions: ["sessions", "delete some"],
  queuedRuns: ["runs that wait", "try again when some have ended"],
  agents: ["agents", "delete some"],
  bindings: ["bindings", "remove some"],
  documents: ["documents in the memory folder", "remove some"],
  approvals: ["calls that wait for a decision", "decide some"],
  questions: ["questions that wait", "answer some"],
} as const satisfies { readonly [Name in keyof Limits]?: readonly [things: string, remedy: string] }

/** The gateway holds as many as this limit allows. Nothing was changed. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  limit: Schema.Literals(["sessions", "queuedRuns", "agents", "bindings", "documents", "approvals", "questions"]),
  max: Schema.Int,
  /** The problem and the next step. */
  message: Schema.String,
}) {
  static readonly of = (limit: keyof typeof bounded, max: number): LimitReached => {
    const [things, remedy] = bounded[limit]
    return new LimitReached({
      limit,
      max,
      message: `the gateway holds ${max} ${things} at most: ${remedy}, or raise limits.${limit}`,
    })
  }
}
