/**
 * Statements: what the stores of this folder send to PostgreSQL. One store method is one statement, so one round trip.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Stored } from "../Stored.ts"
import type { PostgresConnection, Row, Rows } from "./PostgresConnection.ts"
import { orUnavailable } from "./PostgresError.ts"
import { WorkState } from "./WorkState.ts"

type Run = (sql: string, params?: ReadonlyArray<unknown>) => Stored<Rows>

export interface Statements {
  /** Runs a statement that changes nothing. */
  readonly read: Run
  /** Runs a statement that may write, and marks the work as one that has written. */
  readonly write: Run
  /** Marks the work as one that has written. */
  readonly mark: Effect.Effect<void>
}

export const statementsOf = ({ query }: PostgresConnection): Statements => {
  const read: Run = (sql, params) => orUnavailable(query(sql, params))
  const mark = Effect.withFiber((fiber) => {
    const state = Context.getOrUndefined(fiber.context, WorkState)
    if (state?.hasEnded === true) return Effect.interrupt
    if (state !== undefined) state.hasWritten = true
    return Effect.void
  })
  return { read, mark, write: (sql, params) => Effect.andThen(mark, read(sql, params)) }
}

/** Returns a list of the columns of a table, each with a prefix, so that a statement can return rows of several tables. */
export const columnsOf = (table: string, names: ReadonlyArray<string>): string =>
  names.map((name) => `${table}.${name} AS ${table}_${name}`).join(", ")

/** Reads a JSON column that the gateway has written from a typed value, so it needs no check. */
export const parsed = (row: Row, column: string) => {
  const json = row[column]
  return typeof json === "string" ? JSON.parse(json) : undefined
}
