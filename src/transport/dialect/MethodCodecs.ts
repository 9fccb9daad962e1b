/**
 * The codecs of every method, made once: from a wire's JSON to a payload, from results and errors to JSON.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcSchema from "effect/rpc/RpcSchema"
import { Id } from "../../domain/Bounds.ts"
import { EventFilter, Position } from "../../domain/Event.ts"
import { PairingRequired } from "../../domain/Device.ts"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import { Refusal } from "../../domain/Refusal.ts"
import type { Tagged } from "./Fault.ts"

type Codec<A> = (value: unknown) => Effect.Effect<A, Schema.SchemaError>

// The contract's schemas need no services, which the group's type has forgotten.
const decoder = (schema: Schema.Top) => Schema.decodeUnknownEffect(Schema.toCodecJson(schema)) as Codec<unknown>
const encoder = (schema: Schema.Top) => Schema.encodeUnknownEffect(Schema.toCodecJson(schema)) as Codec<unknown>

export interface MethodCodec {
  readonly rpc: Rpc.AnyWithProps
  readonly streams: boolean
  readonly decode: Codec<unknown>
  /** Of the result, or of one value where the method streams. */
  readonly encodeValue: Codec<unknown>
}

const codecOf = (rpc: Rpc.AnyWithProps): MethodCodec => {
  const { successSchema: success } = rpc
  return {
    rpc,
    streams: RpcSchema.isStreamSchema(success),
    decode: decoder(rpc.payloadSchema),
    encodeValue: encoder(RpcSchema.isStreamSchema(success) ? success.success : success),
  }
}

export const methodCodecs: ReadonlyMap<string, MethodCodec> = new Map(
  Array.from(GatewayRpcs.requests, ([method, rpc]) => [method, codecOf(rpc)]),
)

const errorsOf = ({ errorSchema, successSchema }: Rpc.AnyWithProps): ReadonlyArray<Schema.Top> =>
  RpcSchema.isStreamSchema(successSchema) ? [errorSchema, successSchema.error] : [errorSchema]

/** Each schema once: many methods share theirs. */
const errors = new Set([...GatewayRpcs.requests.values()].flatMap((rpc) => errorsOf(rpc)))

/** Of any error of any method, of any refusal, also in a handshake: their tags tell them apart. */
export const encodeError = encoder(Schema.Union([...errors, Refusal, PairingRequired])) as Codec<Tagged>

export const encodeRefusal = Schema.encodeSync(Refusal)

/** `events.subscribe` as a foreign wire asks for it: the fan-out carries it out, not a stream of its own. */
export const decodeSubscription = Schema.decodeUnknownEffect(
  Schema.toCodecJson(Schema.Struct({ ...EventFilter.fields, from: Schema.optionalKey(Position) })),
)

/** As `Unsubscribe` of DialectMethods.ts takes it. */
export const decodeUnsubscription = Schema.decodeUnknownEffect(Schema.Struct({ subscription: Id }))
