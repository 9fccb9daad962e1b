/**
 * MethodCodecs: the codecs of every method of the contract, made once. They decode parameters from JSON and encode
 * results and errors as JSON. ContractCalls.ts, DialectSession.ts and the tables of methods use them.
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

// The contract's schemas need no services, but the type of the group does not show it.
const decoder = (schema: Schema.Top) => Schema.decodeUnknownEffect(Schema.toCodecJson(schema)) as Codec<unknown>
const encoder = (schema: Schema.Top) => Schema.encodeUnknownEffect(Schema.toCodecJson(schema)) as Codec<unknown>

export interface MethodCodec {
  readonly rpc: Rpc.AnyWithProps
  readonly streams: boolean
  readonly decode: Codec<unknown>
  /** Encodes the result, or one value if the method streams. */
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

/** The error schemas without duplicates: many methods share theirs. */
const errors = new Set([...GatewayRpcs.requests.values()].flatMap((rpc) => errorsOf(rpc)))

/** Encodes any error of any method, any refusal and the errors of a handshake. Their tags are unique. */
export const encodeError = encoder(Schema.Union([...errors, Refusal, PairingRequired])) as Codec<Tagged>

export const encodeRefusal = Schema.encodeSync(Refusal)

/** Decodes the parameters of `events.subscribe` in a dialect, where the fan-out sends the events. */
export const decodeSubscription = Schema.decodeUnknownEffect(
  Schema.toCodecJson(Schema.Struct({ ...EventFilter.fields, from: Schema.optionalKey(Position) })),
)

/** Decodes the parameters of `events.unsubscribe`. */
export const decodeUnsubscription = Schema.decodeUnknownEffect(Schema.Struct({ subscription: Id }))
