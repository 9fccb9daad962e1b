/** The exchanges on the protocol's page are what the gateway says. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"
import { mask } from "./Golden.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/protocol/json-rpc.md"), "utf8")

interface Exchange {
  readonly say: string
  readonly hear: Array<string>
}

const exchanges = page.split("\n").reduce<Array<Exchange>>((all, line) => {
  if (line.startsWith("> ")) all.push({ say: line.slice(2), hear: [] })
  if (line.startsWith("< ")) all.at(-1)?.hear.push(line.slice(2))
  return all
}, [])

/** What comes unasked falls before or after an answer as the turns of the event loop do. */
const comparable = (frames: ReadonlyArray<string>) =>
  frames.map((frame) => JSON.stringify(JSON.parse(frame), mask)).toSorted()

it.live("docs/protocol/json-rpc.md says what the gateway says", () =>
  Effect.gen(function* () {
    const { token, wsUrl } = yield* TestGateway.TestGateway
    const socket = yield* connect(`${wsUrl}/jsonrpc`)
    expect(exchanges.length).toBeGreaterThan(10)
    for (const { hear, say } of exchanges) {
      socket.send(say.replace("...", token))
      const heard = yield* Effect.forEach(hear, () => socket.next)
      expect(comparable(heard)).toEqual(comparable(hear))
    }
  }).pipe(Effect.provide(TestGateway.layer())),
)
