/**
 * Lets a run take over messages that wait in its session, as parts of works for `Events.commit`. The message of a taken turn
 * enters the transcript, and its own run ends with a pointer to the run that took it. One transaction does both, so a crash
 * neither loses nor doubles a message. A later attempt of the run receives the taken messages again. TurnRunner uses it.
 */
import * as Effect from "effect/Effect"
import type { KeptEvent } from "../../domain/Event.ts"
import type { Message } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { QueueMode } from "../../domain/Run.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type AttemptOf, isCurrent, type TurnInput, type TurnRow } from "../storage/TurnRow.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import * as Transcript from "./Transcript.ts"
import type { StartedTurn } from "./Transcript.ts"

const isSame = (a: Principal, b: Principal): boolean =>
  a.id === b.id &&
  a.kind === b.kind &&
  a.role === b.role &&
  a.deviceId === b.deviceId &&
  a.scopes.length === b.scopes.length &&
  a.scopes.every((scope) => b.scopes.includes(scope))

type Waiting = Pick<TurnRow, "agentId" | "principal" | "queue">

/**
 * Returns the turns that the run takes: the first waiting ones, up to one with another mode, agent or sender. Tools act
 * with the rights of the run's sender, so a run never takes the message of another one.
 */
export const takenOf = <T extends Waiting>(
  by: Omit<Waiting, "queue">,
  waiting: ReadonlyArray<T>,
  mode: QueueMode,
): ReadonlyArray<T> => {
  const end = waiting.findIndex(
    ({ agentId, principal, queue }) => queue !== mode || agentId !== by.agentId || !isSame(principal, by.principal),
  )
  return end < 0 ? waiting : waiting.slice(0, end)
}

const waitingFor = ({ runId, sessionKey }: TurnRow) =>
  Effect.flatMap(Tx, ({ turns }) =>
    Effect.map(turns.open(sessionKey), (open) => open.filter((turn) => turn.runId !== runId)),
  )

const inputOf = ({ attachments = [], text }: Message): TurnInput => ({ text, attachments })

/** Takes the waiting turns with the mode and returns their messages. */
const takeWaiting = Effect.fnUntraced(function* (
  by: TurnRow,
  mode: QueueMode,
  at: number,
): Effect.fn.Return<Change<ReadonlyArray<TurnInput>>, StorageUnavailable, Tx> {
  const inputs: Array<TurnInput> = []
  const events: Array<KeptEvent> = []
  for (const turn of takenOf(by, yield* waitingFor(by), mode)) {
    const ending = { outcome: "done" as const, takenBy: by.runId }
    const ended = yield* Transcript.endTurn(turn, ending, Transcript.noOutput, at)
    if (ended === undefined) continue
    events.push(...ended.events, ...Transcript.sessionChanged(ended.session))
    if (ended.message !== undefined) inputs.push(inputOf(ended.message))
  }
  return [inputs, events]
})

/** Takes the waiting messages that want to steer the run. Returns `undefined` if the attempt is over. */
export const steer = Effect.fnUntraced(function* (
  { attempt, runId }: AttemptOf,
  at: number,
): Effect.fn.Return<Change<ReadonlyArray<TurnInput> | undefined>, StorageUnavailable, Tx> {
  const turn = yield* (yield* Tx).turns.get(runId)
  if (!isCurrent(turn, attempt)) return [undefined, []]
  return yield* takeWaiting(turn, "steer", at)
})

const joined = (inputs: ReadonlyArray<TurnInput>): TurnInput => ({
  text: inputs.map(({ text }) => text).join("\n\n"),
  attachments: inputs.flatMap(({ attachments }) => attachments),
})

/** Starts an attempt as `Transcript.start` does. A turn with the mode `collect` takes the waiting ones with that mode. */
export const start = Effect.fnUntraced(function* (
  runId: string,
  attempts: number,
  at: number,
): Effect.fn.Return<Change<StartedTurn | undefined>, StorageUnavailable, Tx> {
  const change = yield* Transcript.start(runId, attempts, at)
  const [started, events] = change
  if (started === undefined) return change
  const { turn } = started
  const isRepeated = turn.attempt > 1
  if (!isRepeated && turn.queue !== "collect") return change
  const before = isRepeated ? yield* (yield* Tx).turns.taken(runId) : []
  const [inputs, taken] = turn.queue === "collect" ? yield* takeWaiting(turn, "collect", at) : [[], []]
  return [{ ...started, input: joined([started.input, ...before, ...inputs]) }, [...events, ...taken]]
})
