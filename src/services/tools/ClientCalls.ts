/**
 * ClientCalls: the ids of calls that a client runs itself, and the form in which a message carries their results. Pure. The
 * runtime `model` and the OpenAI routes use it.
 */
import * as Schema from "effect/Schema"
import { parseJson } from "../../domain/Text.ts"

/** The calls with which one run may end. */
export const MAX_CALLS = 64

/** The output of a call in the transcript, before its result comes with a later message. */
export const PENDING = "The client runs this tool. The result comes with its next message."

/** OpenAI's own API accepts ids of 40 characters. Clients may move a conversation there. */
const ID = /^call_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_\d{1,2}$/

/** Returns the id of a run's call with this number. The id of the run is a UUID. */
export const idOf = (runId: string, number: number): string => `call_${runId.replaceAll("-", "")}_${number}`

/** Returns the run that made the call, or `undefined` if the id has another form. */
export const runOf = (callId: string): string | undefined => ID.exec(callId)?.slice(1).join("-")

/** The result of a call, with the name of its tool for models that read the message as a text. */
const Result = Schema.Struct({ id: Schema.String, tool: Schema.String, output: Schema.String })
export type Result = typeof Result.Type

/** A message of a client that has called tools. */
export interface ResultsMessage {
  readonly results: ReadonlyArray<Result>
  /** The words of the user after the results. */
  readonly text: string
}

const decode = Schema.decodeUnknownSync(Schema.Array(Result))

const OPEN = "<tool_results>\n"
const CLOSE = "\n</tool_results>"

/** Returns the text of a message. JSON has no line breaks, so no output can end the list. */
export const write = ({ results, text }: ResultsMessage): string =>
  `${OPEN}${JSON.stringify(results)}${CLOSE}${text === "" ? "" : `\n\n${text}`}`

/** Returns the message of a text, or `undefined` for another text. */
export const read = (message: string): ResultsMessage | undefined => {
  if (!message.startsWith(OPEN)) return undefined
  const end = message.indexOf(CLOSE)
  try {
    const results = decode(parseJson(message.slice(OPEN.length, end)))
    return { results, text: message.slice(end + CLOSE.length).replace(/^\n\n/, "") }
  } catch {
    return undefined
  }
}
