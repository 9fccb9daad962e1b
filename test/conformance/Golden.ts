/**
 * Golden transcripts: what is said in a dialect, frame by frame, as a file that a change of the wire has to change too.
 * What differs from run to run is masked. `vitest -u` writes them anew.
 */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"

export interface Step {
  readonly say: string
  /** What has been heard when the next is said: a frame for each. */
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

/** What a dialect has besides that differs from run to run. */
export interface Variation {
  readonly masked?: ReadonlySet<string>
  /** Frames that the clock brings forth, as many as it happens to be. */
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

/** What comes unasked is told before or after what was asked, as the turns of the event loop fall. */
const isUnasked = (frame: string): boolean => /"method":"typing"|"type":"(memory_update|event)"/.test(frame)

const unaskedFirst = (frames: ReadonlyArray<string>) => [
  ...frames.filter(isUnasked),
  ...frames.filter((frame) => !isUnasked(frame)),
]

export const golden = (
  name: string,
  path: string,
  steps: ReadonlyArray<Step>,
  { isTimed = () => false, masked = new Set() }: Variation = {},
): void => {
  it.live(`${name}: says what it has always said`, () =>
    Effect.gen(function* () {
      const { token, wsUrl } = yield* TestGateway.TestGateway
      const socket = yield* connect(`${wsUrl}${path}?token=${token}`)
      const lines: Array<string> = []
      for (const { say, until } of steps) {
        lines.push(line(">", say, masked))
        socket.send(say)
        const heard: Array<string> = []
        yield* socket.find((frame) => {
          heard.push(frame)
          return until.every((isIt) => heard.some((frame) => isIt(JSON.parse(frame)))) ? true : undefined
        })
        const told = unaskedFirst(heard).filter((frame) => !isTimed(JSON.parse(frame)))
        lines.push(...told.map((frame) => line("<", frame, masked)))
      }
      const file = join(import.meta.dirname, `../fixtures/golden/${name}.jsonl`)
      yield* Effect.promise(() => expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(file))
    }).pipe(Effect.provide(TestGateway.layer())),
  )
}
