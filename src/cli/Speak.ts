/**
 * Speak: one message said and its reply written to standard output as it comes, as text or as one line of JSON for each
 * event. Interrupted, it ends the run.
 */
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../client/GatewayClient.ts"
import { pieces } from "../client/Reply.ts"
import type { Acceptance, SendPayload } from "../domain/Chat.ts"
import { printable } from "./Output.ts"

/** How long an interruption waits for the gateway to end the run. */
const ABORT_PATIENCE = "2 seconds"

export const speak = Effect.fn("speak")(function* (message: SendPayload, asJson: boolean) {
  const client = yield* GatewayClient
  const stdio = yield* Stdio.Stdio
  const isTerminal = yield* stdio.stdoutIsTerminal
  let accepted: Acceptance | undefined
  const items = client.chat(message).pipe(
    Stream.tap((item) =>
      Effect.sync(() => {
        if (item._tag === "Accepted") accepted = item
      }),
    ),
  )
  let lineIsOpen = false
  const output = asJson
    ? Stream.map(items, (item) => `${JSON.stringify(item)}\n`)
    : Stream.map(pieces(items), (piece) => {
        lineIsOpen = true
        return isTerminal ? printable(piece) : piece
      })
  const abort = Effect.suspend(() =>
    accepted === undefined
      ? Effect.void
      : client.calls["chat.abort"]({ sessionKey: accepted.sessionKey, runId: accepted.runId }),
  ).pipe(Effect.timeout(ABORT_PATIENCE), Effect.ignore)

  const endLine = Effect.suspend(() =>
    lineIsOpen ? Effect.ignore(Stream.run(Stream.succeed("\n"), stdio.stdout())) : Effect.void,
  )
  yield* Stream.run(output, stdio.stdout()).pipe(
    Effect.onInterrupt(() => abort),
    Effect.ensuring(endLine),
  )
})
