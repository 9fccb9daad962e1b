/**
 * MethodTable: makes the table of methods from rows. Each topic's file has its rows: a name, the required scope and the
 * method. Methods.ts derives the list of methods from the same rows.
 */
import type { Scope } from "../../../domain/Principal.ts"
import { type Method, scoped } from "../../dialect/DialectMethod.ts"
import { fail } from "../../dialect/Query.ts"
import { unsupportedFault } from "./Unsupported.ts"

/** Without a scope, every connected client may call the method. */
export type Row = readonly [name: string, scope: Scope | undefined, method: Method]

/** Returns the names of the parameters that a method reads. */
export const parametersOf = (method: Method): ReadonlySet<string> =>
  new Set(method._tag === "Own" && "fields" in method.params ? Object.keys(Object(method.params.fields)) : [])

/** Makes the method fail if the client requests something that the method does not do. */
const refusingUnsupported = (name: string, method: Method): Method => {
  if (method._tag !== "Own") return method
  const read = parametersOf(method)
  const query = (params: unknown) => {
    const fault = unsupportedFault(name, read, params)
    return fault === undefined ? method.query(params) : fail(fault)
  }
  return { ...method, query }
}

export const tableOf = (rows: ReadonlyArray<Row>): ReadonlyMap<string, Method> =>
  new Map(
    rows.map(([name, scope, method]) => {
      const checked = refusingUnsupported(name, method)
      return [name, scope === undefined ? checked : scoped(scope, checked)]
    }),
  )
