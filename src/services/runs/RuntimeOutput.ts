/**
 * Handles the output of a runtime: publishes text as live events, writes tool calls, and adds up usage. It checks every
 * item, because runtimes are foreign code. TurnRunner uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Attachment, AttachmentUpload } from "../../domain/Attachment.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { ToolCall } from "../../domain/Message.ts"
import { RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import { cut, Pieces, wellFormed } from "../../domain/Text.ts"
import { Attachments } from "../attachments/Attachments.ts"
import { Events } from "../events/Events.ts"
import type { TurnRow } from "../storage/TurnRow.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { runFields } from "../transcript/Transcript.ts"
import { RunBudget } from "./RunBudget.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import * as StorageRetry from "./StorageRetry.ts"

const isRuntimeEvent = Schema.is(RuntimeEvent)

/** Makes a function that returns the handler of one run's events. The handler fails if the runtime breaks a rule. */
export const make = Effect.gen(function* () {
  const limits = (yield* GatewayConfig).runs
  const { replyChars } = limits
  const attachments = yield* Attachments
  const clock = yield* Clock.Clock
  const { commit } = yield* StorageRetry.make
  const events = yield* Events

  /** Stops a run whose turn has ended, e.g. because its session was removed. */
  const stopUnlessOpen = (turn: RunningTurn, written: Effect.Effect<boolean>) =>
    Effect.map(written, (isOpen) => {
      if (!isOpen) turn.stop()
    })

  /** Writes the end of a tool call with its files. The output says why a file is refused. */
  const ended = (row: TurnRow, step: number, call: ToolCall, files: ReadonlyArray<AttachmentUpload>) => {
    const write = (call: ToolCall, kept: ReadonlyArray<Attachment>) =>
      commit(row.sessionKey, (at) => Transcript.toolEnded(row, step, call, at, kept))
    return Effect.catch(
      attachments.keep(files, (kept) => write(call, kept)),
      (error) => {
        const problem = error._tag === "AttachmentRefused" ? error.message : error.detail
        const output = cut(`${call.output}\n[The files of the result are not kept: ${problem}]`, replyChars)
        return write({ ...call, output }, [])
      },
    )
  }

  const handle = (turn: RunningTurn, row: TurnRow, event: RuntimeEvent) => {
    switch (event._tag) {
      case "Text":
        turn.text += event.text
        return Effect.sync(() => events.publishLive({ _tag: "TextDelta", ...runFields(row), text: event.text }))
      case "Thinking":
        turn.thinking += event.text
        return Effect.sync(() => events.publishLive({ _tag: "ThinkingDelta", ...runFields(row), text: event.text }))
      case "ToolUpdated": {
        const update = { callId: event.callId, text: cut(event.text, replyChars) }
        return Effect.sync(() => events.publishLive({ _tag: "ToolUpdated", ...runFields(row), ...update }))
      }
      case "Usage":
        return Effect.sync(() => turn.addUsage(event.usage))
      case "Summarized": {
        const summary = { text: cut(event.text, replyChars), upTo: event.upTo }
        return Effect.asVoid(commit(row.sessionKey, (at) => Transcript.summarize(row.sessionKey, summary, at)))
      }
      case "ToolStarted": {
        const { callId, name } = event
        const input = cut(event.input, replyChars)
        turn.calls.set(callId, { name, input })
        return stopUnlessOpen(
          turn,
          commit(row.sessionKey, () => Transcript.toolStarted(row, { callId, name, input })),
        )
      }
      case "ToolEnded": {
        const { callId, files = [], isError } = event
        const output = cut(event.output, replyChars)
        const { input, name } = turn.calls.get(callId) ?? { name: "", input: "" }
        turn.calls.delete(callId)
        const step = turn.nextStep++
        const call = { callId, name, input, output, isError }
        return stopUnlessOpen(turn, ended(row, step, call, files))
      }
    }
  }

  return (turn: RunningTurn, row: TurnRow, runtime: string) => {
    const whole = wholeCharacters()
    const budget = new RunBudget(limits, clock.currentTimeMillisUnsafe())
    const exceed = (detail: string) => Effect.fail(new RuntimeFailed({ runtime, detail, budget: true }))
    return (item: RuntimeEvent): Effect.Effect<void, RuntimeFailed> => {
      if (!isRuntimeEvent(item)) {
        return Effect.fail(new RuntimeFailed({ runtime, detail: "The runtime emitted an invalid event." }))
      }
      const exceeded = budget.exceededBy(item, clock.currentTimeMillisUnsafe())
      if (exceeded !== undefined) return exceed(exceeded)
      const event = whole(item)
      if (event._tag === "Text" || event._tag === "Thinking") {
        if (event.text === "") return Effect.void
        const length = event._tag === "Text" ? turn.text.length : turn.thinking.length
        if (length + event.text.length > replyChars) {
          return exceed(`The reply is longer than ${replyChars} characters, the limit of the option runs.replyChars.`)
        }
      }
      return handle(turn, row, event)
    }
  }
})

/** Makes a function that joins characters whose halves a runtime has split over two events. */
const wholeCharacters = () => {
  const text = new Pieces()
  const thinking = new Pieces()
  return (event: RuntimeEvent): RuntimeEvent => {
    switch (event._tag) {
      case "Text":
        return { _tag: "Text", text: text.next(event.text) }
      case "Thinking":
        return { _tag: "Thinking", text: thinking.next(event.text) }
      case "ToolUpdated":
      case "ToolStarted":
      case "ToolEnded":
      case "Summarized":
        return wellFormed(event)
      case "Usage":
        return event
    }
  }
}
