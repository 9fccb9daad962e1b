/** Plays the exchanges of docs/protocol/json-rpc.md against a gateway. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"
import { mask } from "./Golden.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/protocol/json-rpc.md"), "utf8")

interface Exchange {
  readonly send: string
  readonly receive: Array<string>
}

const exchanges = page.split("\n").reduce<Array<Exchange>>((all, line) => {
  if (line.startsWith("> ")) all.push({ send: line.slice(2), receive: [] })
  if (line.startsWith("< ")) all.at(-1)?.receive.push(line.slice(2))
  return all
}, [])

/** Notifications come before or after an answer, depending on the event loop. */
const comparable = (frames: ReadonlyArray<string>) =>
  frames.map((frame) => JSON.stringify(JSON.parse(frame), mask)).toSorted()

it.live("The gateway answers the examples of docs/protocol/json-rpc.md as the page shows.", () =>
  Effect.gen(function* () {
    const { token, wsUrl } = yield* TestGateway.TestGateway
    const socket = yield* connect(`${wsUrl}/jsonrpc`)
    expect(exchanges.length).toBeGreaterThan(10)
    for (const { receive, send } of exchanges) {
      socket.send(send.replace("...", token))
      const received = yield* Effect.forEach(receive, () => socket.next)
      expect(comparable(received)).toEqual(comparable(receive))
    }
  }).pipe(Effect.provide(TestGateway.layer())),
)
