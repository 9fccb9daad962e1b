/**
 * Golden transcripts: the frames of one conversation in a dialect, stored in a file. A change of the wire must change the
 * file too. Fields that differ from run to run are masked. `vitest -u` rewrites the files.
 */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"

export interface Step {
  readonly send: string
  /** The client waits until each of these matches a frame before it takes the next step. */
  readonly until: ReadonlyArray<(frame: any) => boolean>
}

const MASKED = new Set([
  "at",
  "clientId",
  "connectedAt",
  "connectionId",
  "createdAt",
  "epoch",
  "fiberId",
  "lastInboundAt",
  "lastModified",
  "modifiedAt",
  "rssBytes",
  "runId",
  "scopes",
  "seq",
  "startedAt",
  "timestamp",
  "updatedAt",
  "uptime",
  "uptimeMs",
  "uptime_seconds",
  "version",
])

/** The fields and frames of one dialect that differ from run to run. */
export interface Variation {
  readonly masked?: ReadonlySet<string>
  /** Whether the number of such frames depends on the clock. They are left out. */
  readonly isTimed?: (frame: any) => boolean
}

export const maskOf =
  (masked: ReadonlySet<string>) =>
  (key: string, value: unknown): unknown =>
    (MASKED.has(key) || masked.has(key)) && value !== null ? `<${key}>` : value

export const mask = maskOf(new Set())

const line = (direction: ">" | "<", frame: string, masked: ReadonlySet<string>): string => {
  try {
    return JSON.stringify({ [direction]: JSON.parse(frame) }, maskOf(masked))
  } catch {
    return JSON.stringify({ [direction]: frame })
  }
}

/** Events and notifications come before or after an answer, depending on the event loop. */
const isUnsolicited = (frame: string): boolean => /"method":"typing"|"type":"(memory_update|event)"/.test(frame)

const unsolicitedFirst = (frames: ReadonlyArray<string>) => [
  ...frames.filter(isUnsolicited),
  ...frames.filter((frame) => !isUnsolicited(frame)),
]

export const golden = (
  name: string,
  path: string,
  steps: ReadonlyArray<Step>,
  { isTimed = () => false, masked = new Set() }: Variation = {},
): void => {
  it.live(`The ${name} conversation is the recorded one.`, () =>
    Effect.gen(function* () {
      const { token, wsUrl } = yield* TestGateway.TestGateway
      const socket = yield* connect(`${wsUrl}${path}?token=${token}`)
      const lines: Array<string> = []
      for (const { send, until } of steps) {
        lines.push(line(">", send, masked))
        socket.send(send)
        const received: Array<string> = []
        yield* socket.find((frame) => {
          received.push(frame)
          return until.every((matches) => received.some((frame) => matches(JSON.parse(frame)))) ? true : undefined
        })
        const shown = unsolicitedFirst(received).filter((frame) => !isTimed(JSON.parse(frame)))
        lines.push(...shown.map((frame) => line("<", frame, masked)))
      }
      const file = join(import.meta.dirname, `../fixtures/golden/${name}.jsonl`)
      yield* Effect.promise(() => expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(file))
    }).pipe(Effect.provide(TestGateway.layer())),
  )
}
