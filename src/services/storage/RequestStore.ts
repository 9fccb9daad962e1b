/**
 * The rows of requests to operators (approvals and questions), and the steps that a work can take with them. A row waits,
 * ends once, and its result is used by the run that asked. Tx has a store for each kind; storage/sqlite and
 * storage/postgres implement them.
 */
import type { Stored } from "./Stored.ts"

/** The columns that statements compare. The row itself is JSON. */
export interface RequestColumns {
  readonly id: string
  /** Empty if no run asks. */
  readonly runId: string
  /** Identifies the request within its run. */
  readonly digest: string
  readonly status: string
  /** Null while the request waits. */
  readonly resolvedAt: number | null
}

/** A row with its place in the order of the requests. */
export interface PlacedRequest<A> {
  readonly place: number
  readonly request: A
}

export interface RequestStore<A extends RequestColumns> {
  /** The requests that wait, oldest first. */
  readonly pending: Stored<ReadonlyArray<A>>
  get(id: string): Stored<A | undefined>
  /** Returns the oldest request of the run with the digest that waits, or whose result has no use since `mark`. */
  ofRun(runId: string, digest: string, mark: number): Stored<A | undefined>
  /** Adds a request. Returns false and changes nothing if one has its id. */
  add(request: A): Stored<boolean>
  /** Writes the end of a request. Returns false and changes nothing if it no longer waits. */
  resolve(request: A): Stored<boolean>
  /**
   * Records the use of a result under a mark that grows, such as the time. Returns false if the request has no result, has
   * a use since `before`, or has another digest.
   */
  use(id: string, digest: string, mark: number, before: number): Stored<boolean>
  /** Returns the requests before the place that no longer wait, newest first. */
  ended(before: number, limit: number): Stored<ReadonlyArray<PlacedRequest<A>>>
  /** Removes requests that ended before the time. Returns their number, `limit` at most. */
  forget(before: number, limit: number): Stored<number>
}

/** The names in the database for one kind of request. */
export interface RequestTable {
  readonly table: string
  /** The column of the JSON. */
  readonly body: string
  /** The column of the mark of the last use. */
  readonly used: string
  /** The status of a request that has a result. */
  readonly usable: string
}

export const APPROVALS: RequestTable = { table: "approvals", body: "approval", used: "used_at", usable: "allowed" }

export const QUESTIONS: RequestTable = {
  table: "questions",
  body: "question",
  used: "used_attempt",
  usable: "answered",
}
