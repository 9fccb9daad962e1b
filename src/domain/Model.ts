/**
 * Model: the models that agents can use, the methods `models.*`, and the problems of model providers.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { NAME_CHARS, nonEmptyText } from "./Bounds.ts"
import { Usage } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { ProblemKind } from "./RunError.ts"

const Price = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** Prices in US dollars for a million tokens. */
export const ModelCost = Schema.Struct({
  input: Price,
  output: Price,
  /** Input tokens that the provider reads from its cache. */
  cachedInput: Schema.optionalKey(Price),
}).annotate({ identifier: "ModelCost" })
export type ModelCost = typeof ModelCost.Type

/** The content that a model reads. Every model reads texts. */
export const ModelInput = Schema.Literals(["image", "pdf"])
export type ModelInput = typeof ModelInput.Type

/** A model that agents can use. */
export const Model = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  /** The runtime that offers it. */
  runtime: Schema.String,
  /** Tokens. Null if the runtime does not report them. */
  contextWindow: Schema.NullOr(Schema.Int),
  /** Tokens of one answer, if known. */
  maxOutputTokens: Schema.optionalKey(Schema.Int),
  /** The content that it reads besides texts. Left out if nobody knows: the gateway then describes files in the text. */
  input: Schema.optionalKey(Schema.Array(ModelInput)),
  /** Left out if neither the provider nor the configuration names prices. */
  cost: Schema.optionalKey(ModelCost),
}).annotate({ identifier: "Model" })
export type Model = typeof Model.Type

/** A model or its provider failed, or the configuration does not fit. The message names the next step and no secret. */
export class ModelProblem extends Schema.TaggedError<ModelProblem>()("ModelProblem", {
  kind: ProblemKind,
  /** The name of the provider, or empty if the model's id names none. */
  provider: Schema.String,
  /** The problem with its next step: `provider "openai" rejects the key: correct its apiKey`. */
  message: Schema.String,
  /** Milliseconds until the provider accepts requests again, if it says so. */
  retryAfterMs: Schema.optionalKey(Schema.Finite),
}) {}

const list = Rpc.make("models.list", {
  payload: {},
  success: Schema.Struct({ models: Schema.Array(Model) }),
}).annotate(RequiredScope, "operator.read")

const test = Rpc.make("models.test", {
  payload: {
    /** `provider/model`, or the name of a provider: its first model. */
    model: nonEmptyText(NAME_CHARS),
  },
  success: Schema.Struct({
    /** The model that answered, as `provider/model`. */
    model: Schema.String,
    /** The beginning of the answer. */
    text: Schema.String,
    /** Milliseconds until the answer was complete. */
    durationMs: Schema.Finite,
    usage: Schema.optionalKey(Usage),
  }),
  error: ModelProblem,
}).annotate(RequiredScope, "operator.admin")

export const ModelRpcs = RpcGroup.make(list, test).middleware(Authorized)
