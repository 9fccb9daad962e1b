/**
 * The table of methods: each noun's file gives its rows, a name, the scope that it takes to call it, and what it asks of
 * the contract. Lists of methods and scope checks are derived from the rows.
 */
import type { Scope } from "../../domain/Principal.ts"
import { type Method, scoped } from "../DialectMethods.ts"

/** Undefined: anybody who is connected. */
export type Row = readonly [name: string, scope: Scope | undefined, method: Method]

export const tableOf = (rows: ReadonlyArray<Row>): ReadonlyMap<string, Method> =>
  new Map(rows.map(([name, scope, method]) => [name, scope === undefined ? method : scoped(scope, method)]))
