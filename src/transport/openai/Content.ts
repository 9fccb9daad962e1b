/**
 * Content: the contents of OpenAI messages, and the fields that both families of requests share. ChatCompletions.ts and
 * Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Id } from "../../domain/Bounds.ts"
import { maybe } from "../dialect/Params.ts"
import { invalid } from "./Errors.ts"

const Part = Schema.Struct({ type: Schema.String, text: maybe(Schema.String) })

export const Content = Schema.Union([Schema.String, Schema.Array(Part), Schema.Null])
export type Content = typeof Content.Type

export const Model = Schema.NonEmptyString
export const User = maybe(Schema.Union([Id, Schema.Literal("")]))

const textTypes = new Set(["text", "input_text", "output_text", "refusal"])

/** Returns the text of a content, or fails with the response to images and files. */
export const textOf = (content: Content | undefined, param: string): Effect.Effect<string, HttpServerResponse> => {
  if (typeof content === "string") return Effect.succeed(content)
  const other = content?.find(({ type }) => !textTypes.has(type))
  if (other !== undefined) {
    const message = `content of the type "${other.type.slice(0, 40)}" is not supported: send text`
    return Effect.fail(invalid(param, message, "unsupported_content"))
  }
  return Effect.succeed((content ?? []).map(({ text }) => text ?? "").join(""))
}

/** A field that the gateway cannot honour: the condition under which it refuses the request, and the next step. */
export interface Unsupported<Request> {
  readonly param: string
  readonly isGiven: (request: Request) => boolean
  readonly remedy: string
}

export const hasItems = (value: unknown): boolean => Array.isArray(value) && value.length > 0

/** Whether a format asks for another answer than text. */
export const isOtherThanText = (format: unknown): boolean =>
  Predicate.isReadonlyObject(format) && format["type"] !== "text"

/** The fields that ask for something that agents do not do. The answer would not be what the client expects. */
export const checkSupport = <Request>(
  request: Request,
  unsupported: ReadonlyArray<Unsupported<Request>>,
): Effect.Effect<void, HttpServerResponse> => {
  const found = unsupported.find(({ isGiven }) => isGiven(request))
  return found === undefined
    ? Effect.void
    : Effect.fail(invalid(found.param, `"${found.param}" is not supported: ${found.remedy}`, "unsupported_parameter"))
}

/** Agents call their own tools. A client cannot be asked to call one. */
export const unsupportedTools = {
  param: "tools",
  isGiven: ({ tool_choice, tools }: { readonly tools?: unknown; readonly tool_choice?: unknown }) =>
    hasItems(tools) && tool_choice !== "none",
  remedy: "the agent uses its own tools. Give the tool to the agent, or leave it out",
} as const
