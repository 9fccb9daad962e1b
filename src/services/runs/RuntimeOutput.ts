/**
 * Handles the output of a runtime: publishes text as live events, writes tool calls, masks secrets, and adds up usage. It
 * checks every item, because runtimes are foreign code. TurnRunner uses it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AttachmentUpload } from "../../domain/Attachment.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { ToolCall } from "../../domain/Message.ts"
import { RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import { cut, Pieces, wellFormed } from "../../domain/Text.ts"
import { Attachments, type KeepSome } from "../attachments/Attachments.ts"
import { Events } from "../events/Events.ts"
import type { TurnRow } from "../storage/TurnRow.ts"
import * as Transcript from "../transcript/Transcript.ts"
import { runFields } from "../transcript/Transcript.ts"
import { RunSecrets } from "../tools/RunSecrets.ts"
import { SecretMask } from "../tools/SecretMask.ts"
import { RunBudget } from "./RunBudget.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import * as StorageRetry from "./StorageRetry.ts"

const isRuntimeEvent = Schema.is(RuntimeEvent)

/**
 * Makes a function that returns the handler of one run's events. The handler fails if the runtime breaks a rule. `keep`
 * keeps files until the end of the run.
 */
export const make = Effect.gen(function* () {
  const limits = (yield* GatewayConfig).runs
  const { replyChars } = limits
  const { keeper } = yield* Attachments
  const clock = yield* Clock.Clock
  const { commit } = yield* StorageRetry.make
  const secrets = yield* RunSecrets
  const events = yield* Events

  /** Stops a run whose turn has ended, e.g. because its session was removed. */
  const stopUnlessOpen = (turn: RunningTurn, written: Effect.Effect<boolean>) =>
    Effect.map(written, (isOpen) => {
      if (!isOpen) turn.stop()
    })

  /** Keeps files of a message. A note says why one is left out. */
  const kept = (keep: KeepSome, files: ReadonlyArray<AttachmentUpload>) =>
    Effect.catchTag(keep(files), "StorageUnavailable", ({ detail }) =>
      Effect.succeed({ attachments: [], notes: [`[The files are left out: ${detail}]`] }),
    )

  /** Writes the end of a tool call with its files. */
  const ended = Effect.fnUntraced(function* (
    row: TurnRow,
    step: number,
    call: ToolCall,
    files: ReadonlyArray<AttachmentUpload>,
  ) {
    const { attachments, notes } = yield* kept(yield* keeper, files)
    const output = withNotes(call.output, notes, replyChars)
    return yield* commit(row.sessionKey, (at) => Transcript.toolEnded(row, step, { ...call, output }, at, attachments))
  }, Effect.scoped)

  /** Keeps files of the reply. */
  const replied = Effect.fnUntraced(function* (
    turn: RunningTurn,
    row: TurnRow,
    keep: KeepSome,
    files: ReadonlyArray<AttachmentUpload>,
  ) {
    const { attachments, notes } = yield* kept(keep, files)
    turn.attachments = [...turn.attachments, ...attachments]
    if (notes.length === 0) return
    const text = cut(`\n${notes.join("\n")}\n`, replyChars - turn.text.length)
    turn.text += text
    events.publishLive({ _tag: "TextDelta", ...runFields(row), text })
  })

  const handle = (turn: RunningTurn, row: TurnRow, keep: KeepSome, event: RuntimeEvent) => {
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
      case "Files":
        return replied(turn, row, keep, event.files)
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

  return (turn: RunningTurn, row: TurnRow, runtime: string, keep: KeepSome) => {
    const whole = wholeCharacters()
    const budget = new RunBudget(limits, clock.currentTimeMillisUnsafe())
    const exceed = (detail: string) => Effect.fail(new RuntimeFailed({ runtime, detail, budget: true }))
    const masked = masks(secrets, row.runId)
    const one = (item: RuntimeEvent): Effect.Effect<void, RuntimeFailed> => {
      if (!isRuntimeEvent(item)) {
        return Effect.fail(new RuntimeFailed({ runtime, detail: "The runtime emitted an invalid event." }))
      }
      const exceeded = budget.exceededBy(item, clock.currentTimeMillisUnsafe())
      if (exceeded !== undefined) return exceed(exceeded)
      const event = masked.next(whole(item))
      if (event._tag === "Text" || event._tag === "Thinking") {
        if (event.text === "") return Effect.void
        const length = event._tag === "Text" ? turn.text.length : turn.thinking.length
        if (length + event.text.length > replyChars) {
          return exceed(`The reply is longer than ${replyChars} characters, the limit of the option runs.replyChars.`)
        }
      }
      return handle(turn, row, keep, event)
    }
    /** Publishes the ends of texts that could have become secrets. */
    const end = Effect.suspend(() =>
      turn.stopped
        ? Effect.void
        : Effect.forEach(masked.end(), (event) => handle(turn, row, keep, event), { discard: true }),
    )
    return { handle: one, end }
  }
})

/** Makes functions that mask the secrets of a run in its events. Without secrets, they return the events as they are. */
const masks = (ofRuns: (typeof RunSecrets)["Service"], runId: string) => {
  const text = new SecretMask()
  const thinking = new SecretMask()
  const whole = (text: string) => ofRuns.mask(runId, text)
  const next = (event: RuntimeEvent): RuntimeEvent => {
    const secrets = ofRuns.of(runId)
    if (secrets.length === 0) return event
    switch (event._tag) {
      case "Text":
        return { ...event, text: text.next(event.text, secrets) }
      case "Thinking":
        return { ...event, text: thinking.next(event.text, secrets) }
      case "ToolUpdated":
      case "Summarized":
        return { ...event, text: whole(event.text) }
      case "ToolStarted":
        return { ...event, input: whole(event.input) }
      case "ToolEnded":
        return { ...event, output: whole(event.output) }
      case "Files":
      case "Usage":
        return event
    }
  }
  const end = (): ReadonlyArray<RuntimeEvent> => {
    const secrets = ofRuns.of(runId)
    const rest = { Thinking: thinking.last("", secrets), Text: text.last("", secrets) }
    return (["Thinking", "Text"] as const).flatMap((_tag) => (rest[_tag] === "" ? [] : [{ _tag, text: rest[_tag] }]))
  }
  return { next, end }
}

/** Returns the output with the notes after it, in at most `max` characters. */
const withNotes = (output: string, notes: ReadonlyArray<string>, max: number): string => {
  const note = notes.map((note) => `\n${note}`).join("")
  return note === "" ? output : cut(cut(output, Math.max(0, max - note.length)) + note, max)
}

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
      case "Files":
      case "Usage":
        return event
    }
  }
}
