/**
 * AgentRun: one run for one request. The client that leaves aborts it. A session that the client cannot name again ends
 * with the request, unless the run waits for results of the client's tools. ChatCompletions.ts and Responses.ts use it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SendPayload, StreamItem } from "../../domain/Chat.ts"
import type { GatewayEvent } from "../../domain/Event.ts"
import { Runs } from "../../services/runs/Runs.ts"
import { Sessions } from "../../services/sessions/Sessions.ts"
import * as ClientCalls from "../../services/tools/ClientCalls.ts"
import { type ClientToolOffer, ClientTools } from "../../services/tools/ClientTools.ts"
import type { Fault } from "../dialect/Fault.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import type { FunctionCall } from "./Conversation.ts"

/** The channel of the sessions, as lists and prompts show it. */
export const CHANNEL = "openai"

/** The end of a run. `calls`: the calls for the client, whose results its next request brings. */
export type Ended = Extract<GatewayEvent, { readonly _tag: "RunEnded" }> & {
  readonly calls: ReadonlyArray<FunctionCall>
}

/** A piece of a run, in the order in which the agent produces it. `Ended` is the last one. */
export type Piece =
  | { readonly _tag: "Thinking"; readonly text: string }
  | { readonly _tag: "Text"; readonly text: string }
  | Ended

/** A message with the id of its run. */
export type Send = SendPayload & { readonly idempotencyKey: string; readonly sessionKey: string }

/** Reads the items of a run as pieces. A snapshot of the text adds only what the reader has not seen. */
class PieceReader {
  readonly #runId: string
  readonly #calls: Array<FunctionCall> = []
  #text = ""
  #thinking = ""

  constructor(runId: string) {
    this.#runId = runId
  }

  next(item: StreamItem): ReadonlyArray<Piece> {
    if (item._tag === "Accepted") return []
    if (item._tag === "RunText") return [...this.#thought(item.thinking), ...this.#said(item.text)]
    const { event } = item
    switch (event._tag) {
      case "ThinkingDelta":
        return this.#thought(this.#thinking + event.text)
      case "TextDelta":
        return this.#said(this.#text + event.text)
      case "MessageAdded":
        return event.message.role === "assistant" ? this.#said(event.message.text) : []
      case "ToolStarted": {
        const { callId: id, input, name } = event
        if (ClientCalls.runOf(id) === this.#runId) this.#calls.push({ id, name, arguments: input })
        return []
      }
      case "RunEnded":
        // The calls come with the end, because a slow reader may get the text of the run after them.
        return [{ ...event, calls: event.outcome === "done" ? this.#calls : [] }]
      default:
        return []
    }
  }

  #said(whole: string): ReadonlyArray<Piece> {
    const text = whole.slice(this.#text.length)
    this.#text += text
    return text === "" ? [] : [{ _tag: "Text", text }]
  }

  #thought(whole: string): ReadonlyArray<Piece> {
    const text = whole.slice(this.#thinking.length)
    this.#thinking += text
    return text === "" ? [] : [{ _tag: "Thinking", text }]
  }
}

/** The session and the tools of a run. */
export interface StartOptions {
  /** Whether the session stays afterwards. */
  readonly isKept: boolean
  /** The tools that the client offers to the run. */
  readonly offer: ClientToolOffer | undefined
}

/** Makes the function that starts runs. */
export const make = Effect.gen(function* () {
  const clientTools = yield* ClientTools
  const runs = yield* Runs
  const sessions = yield* Sessions

  /** Sends the message and returns the pieces of its run. The end of the scope aborts an open run. */
  return Effect.fnUntraced(function* (
    { call, stream }: Calls,
    send: Send,
    { isKept, offer }: StartOptions,
  ): Effect.fn.Return<Stream.Stream<Piece, Fault>, Fault, Scope.Scope> {
    const { idempotencyKey: runId, sessionKey } = send
    // Each request waits for the reply of its own run.
    const payload = { ...send, channel: CHANNEL, commands: false, queue: "followup" }
    let isOpen = true
    let waits = false
    const abort = Effect.suspend(() => (isOpen ? call("chat.abort", { sessionKey, runId }) : Effect.void))
    // The session is the gateway's own, so removing it needs no scope of the client.
    const remove = runs.stopAfter(sessionKey, sessions.remove(sessionKey))
    const end = Effect.suspend(() => (isKept || waits ? Effect.ignore(abort) : Effect.ignore(remove)))
    if (offer !== undefined) yield* clientTools.offer(runId, offer)
    // The acceptance cannot be interrupted: else a client that leaves meanwhile would leave a run that nobody aborts.
    yield* Effect.acquireRelease(call("chat.send", payload), () => end)
    const reader = new PieceReader(runId)
    return stream("chat.stream", payload).pipe(
      // The schema of the method has encoded the item.
      Stream.map((item) => reader.next(item as StreamItem)),
      Stream.flattenIterable,
      Stream.tap((piece) =>
        Effect.sync(() => {
          if (piece._tag !== "RunEnded") return
          isOpen = false
          waits = piece.calls.length > 0
        }),
      ),
    )
  })
})

export interface WholeReply {
  readonly text: string
  readonly thinking: string
  readonly ended: Ended
}

/** Waits for the end of the run. */
export const whole = (pieces: Stream.Stream<Piece, Fault>): Effect.Effect<WholeReply, Fault> =>
  Stream.runFold(
    pieces,
    (): { text: string; thinking: string; ended: Ended | undefined } => ({ text: "", thinking: "", ended: undefined }),
    (reply, piece) => {
      if (piece._tag === "Text") reply.text += piece.text
      else if (piece._tag === "Thinking") reply.thinking += piece.text
      else reply.ended = piece
      return reply
    },
  ).pipe(
    Effect.flatMap(({ ended, ...texts }) =>
      // A stream without its last item was cut by the stop of the gateway.
      ended === undefined ? Effect.fail<Fault>({ _tag: "Interrupted" }) : Effect.succeed({ ...texts, ended }),
    ),
  )
