/**
 * The table of methods: each noun's file gives its rows, a name, the scope that it takes to call it, and what it asks of
 * the contract. Lists of methods and scope checks are derived from the rows.
 */
import type { Scope } from "../../../domain/Principal.ts"
import { type Method, scoped } from "../../dialect/DialectMethod.ts"
import { fail } from "../../dialect/Query.ts"
import { refusalOf } from "./Unsupported.ts"

/** Undefined: anybody who is connected. */
export type Row = readonly [name: string, scope: Scope | undefined, method: Method]

/** The names of the parameters that a method reads. */
export const parametersOf = (method: Method): ReadonlySet<string> =>
  new Set(method._tag === "Own" && "fields" in method.params ? Object.keys(Object(method.params.fields)) : [])

/** The method, asked only for what it can do. */
const honest = (name: string, method: Method): Method => {
  if (method._tag !== "Own") return method
  const read = parametersOf(method)
  const query = (params: unknown) => {
    const refusal = refusalOf(name, read, params)
    return refusal === undefined ? method.query(params) : fail(refusal)
  }
  return { ...method, query }
}

export const tableOf = (rows: ReadonlyArray<Row>): ReadonlyMap<string, Method> =>
  new Map(
    rows.map(([name, scope, method]) => {
      const asked = honest(name, method)
      return [name, scope === undefined ? asked : scoped(scope, asked)]
    }),
  )
