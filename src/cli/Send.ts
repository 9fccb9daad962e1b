/**
 * `causeway send`: one message to an agent, the reply written as it comes. Ctrl-C ends the run, not only the command.
 */
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../client/GatewayClient.ts"
import { pieces } from "../client/Reply.ts"
import type { Acceptance, SendPayload } from "../domain/Chat.ts"

/** How long Ctrl-C waits for the gateway to end the run. */
const ABORT_PATIENCE = "2 seconds"

export const send = Effect.fn("causeway send")(function* (message: SendPayload, asJson: boolean) {
  const client = yield* GatewayClient
  const stdio = yield* Stdio.Stdio
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
    : Stream.tap(pieces(items), () =>
        Effect.sync(() => {
          lineIsOpen = true
        }),
      )
  const abort = Effect.suspend(() =>
    accepted === undefined
      ? Effect.void
      : client.calls["chat.abort"]({ sessionKey: accepted.sessionKey, runId: accepted.runId }),
  ).pipe(Effect.timeout(ABORT_PATIENCE), Effect.ignore)

  const write = (text: Stream.Stream<string>) => Effect.ignore(Stream.run(text, stdio.stdout()))
  yield* Stream.run(output, stdio.stdout()).pipe(
    Effect.onInterrupt(() => abort),
    Effect.ensuring(Effect.suspend(() => (lineIsOpen ? write(Stream.succeed("\n")) : Effect.void))),
  )
})
