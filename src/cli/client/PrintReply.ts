/**
 * PrintReply: sends one message and prints its reply as it arrives, as text or as one line of JSON for each event. An
 * interruption aborts the run. `causeway send` and `causeway chat` use it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { replyPieces } from "../../client/Reply.ts"
import type { Acceptance, SendPayload } from "../../domain/Chat.ts"
import * as Output from "../terminal/Output.ts"

/** Time that an interruption waits for the gateway to abort the run. */
const ABORT_TIMEOUT = "2 seconds"

export const printReply = Effect.fn("printReply")(function* (message: SendPayload, asJson: boolean) {
  const client = yield* GatewayClient
  let accepted: Acceptance | undefined
  const items = client.chat(message).pipe(
    Stream.tap((item) =>
      Effect.sync(() => {
        if (item._tag === "Accepted") accepted = item
      }),
    ),
  )
  const abort = Effect.suspend(() =>
    accepted === undefined
      ? Effect.void
      : client.calls["chat.abort"]({ sessionKey: accepted.sessionKey, runId: accepted.runId }),
  ).pipe(Effect.timeout(ABORT_TIMEOUT), Effect.ignore)

  let lineIsOpen = false
  let held = ""
  const writePiece = (piece: string) => {
    lineIsOpen = true
    const text = held + piece
    held = INCOMPLETE_END.exec(text)?.[0] ?? ""
    return Output.content(text.slice(0, text.length - held.length))
  }
  const printAll = asJson
    ? Stream.runForEach(items, (item) => Output.json([item]))
    : Stream.runForEach(replyPieces(items), writePiece)
  const endLine = Effect.suspend(() => (lineIsOpen ? Output.content(`${held}\n`) : Effect.void))
  yield* printAll.pipe(
    Effect.onInterrupt(() => abort),
    Effect.onError(() => Effect.ignore(endLine)),
  )
  yield* endLine
})

/** The end of a piece that waits for the next one: half a surrogate pair or half a line break. */
const INCOMPLETE_END = /[\r\uD800-\uDBFF]$/
