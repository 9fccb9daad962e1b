/**
 * The state of a running turn: its output and usage so far, and a signal to stop it. SessionActor creates it; TurnRunner
 * and RuntimeOutput fill it.
 */
import type { Attachment } from "../../domain/Attachment.ts"
import type { ToolCall, Usage } from "../../domain/Message.ts"
import type { Output } from "../transcript/Transcript.ts"

export class RunningTurn {
  readonly runId: string
  readonly sessionKey: string
  // Appending to a string is cheap: the engine joins the pieces at the first read.
  text = ""
  thinking = ""
  /** The files of the reply. */
  attachments: ReadonlyArray<Attachment> = []
  usage: Usage | undefined
  /** The open tool calls by id. */
  readonly calls = new Map<string, Pick<ToolCall, "name" | "input">>()
  /** The index of the next message of the run. The user's message is 0. */
  nextStep = 1
  #stopped = false
  #wake: (() => void) | undefined

  constructor(runId: string, sessionKey: string) {
    this.runId = runId
    this.sessionKey = sessionKey
  }

  get output(): Output {
    return { text: this.text, thinking: this.thinking, attachments: this.attachments, step: this.nextStep }
  }

  /** True after another service has ended the turn. TurnRunner then discards the output. */
  get stopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  /** Calls back at `stop`, or at once if the turn is already stopped. It replaces an earlier callback. */
  onStop(wake: () => void): void {
    this.#wake = wake
    if (this.#stopped) wake()
  }

  /** Adds the usage of one model call. Tokens add up; the context size is that of the last call. */
  addUsage({ cachedInputTokens, contextTokens = this.usage?.contextTokens, inputTokens, outputTokens }: Usage): void {
    const cached = (cachedInputTokens ?? 0) + (this.usage?.cachedInputTokens ?? 0)
    this.usage = {
      inputTokens: inputTokens + (this.usage?.inputTokens ?? 0),
      ...(cached > 0 && { cachedInputTokens: cached }),
      outputTokens: outputTokens + (this.usage?.outputTokens ?? 0),
      ...(contextTokens !== undefined && { contextTokens }),
    }
  }
}
