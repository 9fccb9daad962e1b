/**
 * Runs the tool calls of one step, several at once. Each call gets a result that the model reads. ModelRun.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { AttachmentUpload } from "../../../domain/Attachment.ts"
import { NAME_CHARS } from "../../../domain/Bounds.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { cut, textOrJson } from "../../../domain/Text.ts"
import { type Checked, toAttachment } from "../../attachments/AttachmentCheck.ts"
import type { Turn } from "../../agents/AgentRuntime.ts"
import type { ToolResult } from "../../tools/ToolCalls.ts"
import type { Tools } from "../../tools/Tools.ts"
import type { Emit } from "./Handoff.ts"
import { resultPart } from "./FilePlaceholder.ts"
import type { Step, StepCall } from "./ModelStep.ts"

/** The calls that run at once. */
const PARALLEL_CALLS = 8

/** The calls of one step. */
const MAX_CALLS = 64

/** Returns why a call does not run, or `undefined`. */
const refusal = ({ finish }: Step, index: number): string | undefined => {
  if (finish?.reason === "length") return "The answer was cut at its limit, so this call did not run. Write less."
  return index < MAX_CALLS ? undefined : `An answer may have ${MAX_CALLS} calls. This one did not run.`
}

const toUpload = ({ bytes, name, type }: Checked): AttachmentUpload => ({
  name,
  type,
  data: Buffer.from(bytes).toString("base64"),
})

/** Runs the calls and returns their results, in the order of the calls. */
export const run = Effect.fnUntraced(function* (
  tools: Tools["Service"],
  turn: Turn,
  step: Step,
  emit: Emit<RuntimeEvent>,
) {
  const call = Effect.fnUntraced(function* ({ id, input, name }: StepCall, index: number) {
    const refused = refusal(step, index)
    yield* emit([{ _tag: "ToolStarted", callId: id, name: cut(name, NAME_CHARS), input: textOrJson(input) }])
    const result: ToolResult =
      refused === undefined ? yield* tools.call(turn, name, input, id) : { isError: true, text: refused }
    const { files, isError, shown, text } = result
    const ended = { _tag: "ToolEnded" as const, callId: id, output: shown ?? text, isError }
    yield* emit([files === undefined ? ended : { ...ended, files: files.map(toUpload) }])
    return resultPart({ id, name, isFailure: isError, result: text }, (files ?? []).map(toAttachment))
  })
  return yield* Effect.forEach(step.calls, call, { concurrency: PARALLEL_CALLS })
})
