/**
 * Operations: describes the methods of the contract with JSON Schemas. OpenApi.ts, OpenRpc.ts and the references of
 * docs/protocol use it.
 */
import * as Context from "effect/Context"
import * as RpcSchema from "effect/rpc/RpcSchema"
import { RequiredScope } from "../../domain/Principal.ts"
import { summaries } from "../../domain/Summaries.ts"
import { errorsOf, type Json, type JsonSchemas } from "./JsonSchemas.ts"
import { type MethodCodec, methodCodecs } from "./MethodCodecs.ts"

/** One method of the contract, as documents describe it. */
export interface Operation {
  readonly name: string
  readonly summary: string
  readonly scope: string | undefined
  readonly streams: boolean
  readonly payload: Json
  /** The schema of the result, or of each value of a stream. */
  readonly result: Json
  /** The tags of the method's errors. */
  readonly errors: ReadonlyArray<string>
}

/** Describes a method. Adds the definitions that its schemas refer to. */
export const operationOf = (schemas: JsonSchemas, { rpc, streams }: MethodCodec): Operation => {
  const { errorSchema, successSchema: success } = rpc
  return {
    name: rpc._tag,
    summary: summaries[rpc._tag] ?? "",
    scope: Context.get(rpc.annotations, RequiredScope),
    streams,
    payload: schemas.render(rpc.payloadSchema),
    result: schemas.render(RpcSchema.isStreamSchema(success) ? success.success : success),
    errors: [
      ...errorsOf(schemas.render(errorSchema)),
      ...(RpcSchema.isStreamSchema(success) ? errorsOf(schemas.render(success.error)) : []),
    ],
  }
}

/** Describes the methods, sorted by name. Default: all methods of the contract. */
export const operationsOf = (
  schemas: JsonSchemas,
  codecs: ReadonlyMap<string, MethodCodec> = methodCodecs,
): ReadonlyArray<Operation> =>
  Array.from(codecs.values(), (codec) => operationOf(schemas, codec)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
