/**
 * The rows of turns, and the fields that a work passes to change them. A turn is one accepted message. The stores of
 * Tx, Transcript and the services in runs use them.
 */
import type { Attachment } from "../../domain/Attachment.ts"
import type { Message, Usage } from "../../domain/Message.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { QueueMode, RunOutcome, RunState } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"

/** One attempt of a turn. A write for an older attempt changes nothing, so an attempt that was replaced cannot write. */
export interface AttemptOf {
  readonly runId: string
  readonly attempt: number
}

export interface TurnRow extends AttemptOf {
  readonly sessionKey: string
  readonly agentId: string
  readonly principal: Principal
  readonly state: RunState
  /** The number of starts, 0 before the first one. */
  readonly attempt: number
  /** The crashes of the process that interrupted it. The next `begin` counts the newest one: see `interruptions`. */
  readonly crashes: number
  /** A planned stop interrupted it, or is about to. */
  readonly handedOver: boolean
  readonly error: RunError | undefined
  readonly usage: Usage | undefined
  /** The gateway's reply to a command. */
  readonly reply: string | undefined
  readonly acceptedAt: number
  /** The treatment while another turn of the session runs. */
  readonly queue: QueueMode
  /** The run that took the message over. */
  readonly takenBy: string | undefined
  /** The position before the first event of the run. */
  readonly acceptedAfter: number
  /** The time at which the gateway ends the run. Without it, the run has no deadline. */
  readonly deadlineAt: number | undefined
  /** The turn is open until this is set, which happens once. */
  readonly endedAt: number | undefined
}

/** Returns whether the turn is open and at this attempt. */
export const isCurrent = (turn: TurnRow | undefined, attempt: number): turn is TurnRow =>
  turn !== undefined && turn.endedAt === undefined && turn.attempt === attempt

/** Returns the crashes of a turn that does not run, with one that `begin` has not counted yet. */
export const interruptions = ({ crashes, handedOver, state }: TurnRow): number =>
  crashes + (state === "running" && !handedOver ? 1 : 0)

/** The input of a run: the text of a message, and its files. */
export interface TurnInput {
  readonly text: string
  readonly attachments: ReadonlyArray<Attachment>
}

export interface NewTurn extends Pick<
  TurnRow,
  "runId" | "sessionKey" | "agentId" | "principal" | "queue" | "acceptedAt" | "acceptedAfter" | "deadlineAt"
> {
  /** The input of the run. */
  readonly text: string
  readonly attachments: ReadonlyArray<Attachment>
  /** The SHA-256 of the whole message, of which `text` may be a part. */
  readonly digest: string
}

/** Returns the row of a new turn that has begun with its acceptance. */
export const firstAttemptOf = (turn: NewTurn): TurnRow => ({
  runId: turn.runId,
  sessionKey: turn.sessionKey,
  agentId: turn.agentId,
  principal: turn.principal,
  state: "running",
  attempt: 1,
  crashes: 0,
  handedOver: false,
  error: undefined,
  usage: undefined,
  reply: undefined,
  queue: turn.queue,
  takenBy: undefined,
  acceptedAt: turn.acceptedAt,
  acceptedAfter: turn.acceptedAfter,
  deadlineAt: turn.deadlineAt,
  endedAt: undefined,
})

/** How a turn ends. */
export interface Ending {
  readonly outcome: RunOutcome
  readonly error?: RunError | undefined
  readonly usage?: Usage | undefined
  readonly reply?: string | undefined
  readonly takenBy?: string | undefined
}

/** The changes of the transcript at the end of a turn, if its session still exists. */
export interface LastWords {
  /** Removes the messages of the run's tools. */
  readonly retract: boolean
  /** The reply of the agent. */
  readonly reply?:
    | (Pick<Message, "text" | "thinking" | "attachments" | "aborted" | "failed"> & { readonly step: number })
    | undefined
  /** Adds the user's message if the run has not written it, and marks it. Without a mark, it is part of the history. */
  readonly mark?: Pick<Message, "failed" | "aborted"> | undefined
}
