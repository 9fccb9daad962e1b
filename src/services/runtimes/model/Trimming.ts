/**
 * Fits a conversation into the context of a model. It is pure. ModelRun.ts uses it before each step.
 *
 * Messages before the newest user's message are the past, those after it belong to the run. A tool call and its results
 * are one unit. In this order, and only as far as necessary, the policy
 *
 * 1. shortens the tool results of the past, the oldest first,
 * 2. drops units of the past, the oldest first,
 * 3. shortens the tool results of the run, the oldest first, and drops its older units,
 * 4. shortens the results of the newest unit.
 *
 * The newest user's message and the newest unit always stay, even if they alone are too long.
 */
import * as Prompt from "effect/ai/Prompt"
import { describe } from "../../../domain/Attachment.ts"
import { cut, textOrJson } from "../../../domain/Text.ts"
import { filesOf } from "./FilePlaceholder.ts"
import { tokensOfMessages } from "./TokenEstimate.ts"

/** A message, or an assistant's message with tool calls and the message with their results. */
export type Unit = ReadonlyArray<Prompt.Message>

/** The characters of a shortened tool result. */
export const SHORT_RESULT_CHARS = 1_000

/** The part of a shortened result that comes from its beginning. The end often holds the error. */
const HEAD_SHARE = 0.7

/** The characters of the note in a shortened result, at most. */
const NOTE_CHARS = 50

/** Returns the units of a conversation, in their order. */
export const unitsOf = (messages: ReadonlyArray<Prompt.Message>): ReadonlyArray<Unit> => {
  const units: Array<Unit> = []
  for (const message of messages) {
    const last = units.at(-1)
    if (message.role === "tool" && last !== undefined) units[units.length - 1] = [...last, message]
    else units.push([message])
  }
  return units
}

/** Returns the text with its middle replaced by a note, or the text as it is if it is not longer than `max`. */
export const shortenedResult = (text: string, max = SHORT_RESULT_CHARS): string => {
  if (text.length <= max) return text
  const left = Math.max(0, max - NOTE_CHARS)
  const head = cut(text, Math.floor(left * HEAD_SHARE))
  const tail = text.slice(text.length - (left - head.length)).toWellFormed()
  return `${head}\n[${text.length - head.length - tail.length} characters are left out here.]\n${tail}`
}

/** A shortened result describes its files. */
const shortenedPart = (part: Prompt.ToolResultPart): Prompt.ToolResultPart => {
  const text = textOrJson(part.result)
  const files = filesOf(part)
  if (text.length <= SHORT_RESULT_CHARS && files.length === 0) return part
  const result = [shortenedResult(text), ...files.map(describe)].join("\n")
  return Prompt.toolResultPart({ ...part, result, modelOutput: undefined })
}

const shortenedUnit = (unit: Unit): Unit =>
  unit.map((message) =>
    message.role !== "tool"
      ? message
      : Prompt.toolMessage({
          content: message.content.map((part) => (part.type === "tool-result" ? shortenedPart(part) : part)),
        }),
  )

/** Makes the measures that the policy takes on a list of units. Each returns when the conversation fits. */
class Fitting {
  readonly #units: Array<Unit | undefined>
  readonly #tokens: Array<number>
  readonly #budget: number
  #total = 0

  constructor(units: ReadonlyArray<Unit>, budget: number) {
    this.#units = [...units]
    this.#tokens = units.map(tokensOfMessages)
    this.#budget = budget
    for (const tokens of this.#tokens) this.#total += tokens
  }

  get fits(): boolean {
    return this.#total <= this.#budget
  }

  /** Shortens the results of the units from `from` to before `to`, until the conversation fits. */
  shorten(from: number, to: number): void {
    for (let i = from; i < to && !this.fits; i++) {
      const unit = this.#units[i]
      if (unit !== undefined) this.#set(i, shortenedUnit(unit))
    }
  }

  /** Drops the units from `from` to before `to`, until the conversation fits. */
  drop(from: number, to: number): void {
    for (let i = from; i < to && !this.fits; i++) this.#set(i, undefined)
  }

  get messages(): ReadonlyArray<Prompt.Message> {
    return this.#units.flatMap((unit) => unit ?? [])
  }

  #set(i: number, unit: Unit | undefined): void {
    this.#units[i] = unit
    const tokens = unit === undefined ? 0 : tokensOfMessages(unit)
    this.#total += tokens - this.#tokens[i]!
    this.#tokens[i] = tokens
  }
}

/** Returns the messages with at most `budget` estimated tokens, if the policy can reach that. They hold no system message. */
export const trimmed = (messages: ReadonlyArray<Prompt.Message>, budget: number): ReadonlyArray<Prompt.Message> => {
  const units = unitsOf(messages)
  const newestUser = units.findLastIndex(([first]) => first?.role === "user")
  const past = Math.max(0, newestUser)
  const newest = units.length - 1
  const fitting = new Fitting(units, budget)
  if (fitting.fits) return messages
  fitting.shorten(0, past)
  fitting.drop(0, past)
  fitting.shorten(past + 1, newest)
  fitting.drop(past + 1, newest)
  fitting.shorten(newest, units.length)
  return fitting.messages
}
