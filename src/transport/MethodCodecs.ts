/**
 * The codecs of every method, made once: from a wire's JSON to a payload, from results and errors to JSON.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcSchema from "effect/rpc/RpcSchema"
import { EventFilter, Position } from "../domain/Event.ts"
import { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import { Refusal } from "../domain/Refusal.ts"

type Codec = Schema.Codec<unknown, unknown>

/** The contract's schemas need no services; the group's type has forgotten it. */
const json = (schema: Schema.Top): Codec => Schema.toCodecJson(schema) as unknown as Codec

export interface MethodCodec {
  readonly rpc: Rpc.AnyWithProps
  readonly streams: boolean
  readonly decode: (params: unknown) => Effect.Effect<unknown, Schema.SchemaError>
  /** Of the result, or of one value where the method streams. */
  readonly encodeValue: (value: unknown) => Effect.Effect<unknown, Schema.SchemaError>
  readonly encodeError: (error: unknown) => Effect.Effect<unknown, Schema.SchemaError>
}

const codecOf = (rpc: Rpc.AnyWithProps): MethodCodec => {
  const value = RpcSchema.isStreamSchema(rpc.successSchema) ? rpc.successSchema.success : rpc.successSchema
  const errors = [rpc.errorSchema, ...(RpcSchema.isStreamSchema(rpc.successSchema) ? [rpc.successSchema.error] : [])]
  return {
    rpc,
    streams: RpcSchema.isStreamSchema(rpc.successSchema),
    decode: Schema.decodeUnknownEffect(json(rpc.payloadSchema)),
    encodeValue: Schema.encodeUnknownEffect(json(value)),
    encodeError: Schema.encodeUnknownEffect(json(Schema.Union([...errors, Refusal]))),
  }
}

export const methodCodecs: ReadonlyMap<string, MethodCodec> = new Map(
  Array.from(GatewayRpcs.requests, ([method, rpc]) => [method, codecOf(rpc)]),
)

export const encodeRefusal = Schema.encodeSync(Refusal)

/** `events.subscribe` as a foreign wire asks for it: the fan-out carries it out, not a stream of its own. */
export const decodeSubscription = Schema.decodeUnknownEffect(
  Schema.toCodecJson(Schema.Struct({ ...EventFilter.fields, from: Schema.optionalKey(Position) })),
)
