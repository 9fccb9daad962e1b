/**
 * AgentElicitation: makes questions of the forms that agents ask people to fill in (`elicitation/create`), and the content
 * of the answers. The functions are pure. AgentSession uses them.
 */
import * as Schema from "effect/Schema"
import { type Answers, QUESTION_OPTIONS, QUESTION_PARTS, QuestionPart } from "../../../domain/Question.ts"
import { maybe } from "./AgentUpdates.ts"

const Titled = Schema.Array(Schema.Struct({ const: Schema.String, title: Schema.String }))

const Property = Schema.Struct({
  type: Schema.String,
  title: maybe(Schema.String),
  description: maybe(Schema.String),
  enum: maybe(Schema.Array(Schema.String)),
  oneOf: maybe(Titled),
  items: maybe(Schema.Struct({ enum: maybe(Schema.Array(Schema.String)), anyOf: maybe(Titled) })),
})
type Property = typeof Property.Type

/** The parameters of `elicitation/create`, as far as the gateway reads them. */
export const ElicitationRequest = Schema.Struct({
  mode: Schema.String,
  message: Schema.String,
  sessionId: maybe(Schema.String),
  toolCallId: maybe(Schema.String),
  requestedSchema: maybe(
    Schema.Struct({
      properties: maybe(Schema.Record(Schema.String, Property)),
      required: maybe(Schema.Array(Schema.String)),
    }),
  ),
})
export type ElicitationRequest = typeof ElicitationRequest.Type

type Value = string | number | boolean | ReadonlyArray<string>

export type ElicitationResponse =
  | { readonly action: "accept"; readonly content: Readonly<Record<string, Value>> }
  | { readonly action: "decline" }
  | { readonly action: "cancel" }

/** The answer to a field that need not be filled in. */
const SKIP = "-"

const YES = "Yes"
const NO = "No"

interface Field {
  readonly name: string
  readonly part: QuestionPart
  /** Returns the value of the field, or `undefined` if the answers do not fit it. */
  readonly read: (answers: ReadonlyArray<string>) => Value | undefined
}

/** A form as questions that follow each other. */
export interface Form {
  readonly questions: ReadonlyArray<ReadonlyArray<QuestionPart>>
  /** Returns the content for the agent, or `undefined` if an answer does not fit its field. */
  readonly content: (answers: Answers) => Readonly<Record<string, Value>> | undefined
}

const choicesOf = ({ enum: values, items, oneOf, type }: Property) => {
  const titled = type === "array" ? items?.anyOf : oneOf
  const plain = type === "array" ? items?.enum : values
  return titled ?? plain?.map((value) => ({ const: value, title: value })) ?? []
}

const numberOf = ([text = ""]: ReadonlyArray<string>, isWhole: boolean): number | undefined => {
  const value = text.trim() === "" ? Number.NaN : Number(text)
  return Number.isFinite(value) && (!isWhole || Number.isInteger(value)) ? value : undefined
}

const isPart = Schema.is(QuestionPart)

/** Returns `undefined` for a field that no part of a question can stand for. */
const fieldOf = (name: string, property: Property, index: number, isRequired: boolean): Field | undefined => {
  const { description, title, type } = property
  if (!["string", "number", "integer", "boolean", "array"].includes(type)) return undefined
  const choices = type === "boolean" ? [YES, NO].map((word) => ({ const: word, title: word })) : choicesOf(property)
  const skip = isRequired || choices.length === 0 ? [] : [{ label: SKIP, description: "No answer" }]
  const hint = isRequired || choices.length > 0 ? "" : ` (optional: answer ${SKIP} to skip it)`
  const part: QuestionPart = {
    key: /^[a-z][a-z0-9_]{0,63}$/.test(name) ? name : `field_${index + 1}`,
    title: "",
    text: `${[title ?? name, description ?? ""].filter((text) => text !== "").join(": ")}${hint}`,
    options: [...choices.map(({ title }) => ({ label: title })), ...skip],
    isMultiple: type === "array",
    isFree: false,
    isSecret: false,
  }
  const valueOf = (label: string) => choices.find(({ title }) => title === label)?.const ?? label
  const read = (answers: ReadonlyArray<string>): Value | undefined => {
    const [first = ""] = answers
    if (type === "array") return answers.map(valueOf)
    if (type === "boolean") return first === YES
    return type === "string" ? valueOf(first) : numberOf(answers, type === "integer")
  }
  return part.options.length <= QUESTION_OPTIONS && isPart(part) ? { name, part, read } : undefined
}

/** A form without fields asks for a confirmation. */
const confirmation = (message: string): Form => {
  const options = [{ label: YES }, { label: NO }]
  const part = { key: "confirm", title: "", text: message, options, isMultiple: false, isFree: false, isSecret: false }
  return { questions: [[part]], content: ({ confirm = [] }) => (confirm[0] === YES ? {} : undefined) }
}

/** Returns the form, or `undefined` if the gateway cannot show it: a page to open, or a field that no question covers. */
export const formOf = ({ message, mode, requestedSchema }: ElicitationRequest): Form | undefined => {
  if (mode !== "form") return undefined
  const properties = Object.entries(requestedSchema?.properties ?? {})
  if (properties.length === 0) return confirmation(message)
  const required = new Set(requestedSchema?.required ?? [])
  const isFilled = (field: Field | undefined): field is Field => field !== undefined
  const fields = properties
    .map(([name, property], i) => fieldOf(name, property, i, required.has(name)))
    .filter(isFilled)
  if (fields.length < properties.length) return undefined
  const parts = fields.map(({ part }, index) =>
    index % QUESTION_PARTS === 0 ? Object.assign({}, part, { text: `${message}\n${part.text}` }) : part,
  )
  const starts = Array.from({ length: Math.ceil(parts.length / QUESTION_PARTS) }, (_, index) => index * QUESTION_PARTS)
  return {
    questions: starts.map((start) => parts.slice(start, start + QUESTION_PARTS)),
    content: (answers) => {
      const content: Record<string, Value> = {}
      for (const { name, part, read } of fields) {
        const given = answers[part.key] ?? []
        if (!required.has(name) && given.includes(SKIP)) continue
        const value = read(given)
        if (value === undefined) return undefined
        content[name] = value
      }
      return content
    },
  }
}
