/**
 * UpstreamRun: runs a turn at an upstream gateway: it sends the message, streams the output of the run there, finds the run
 * again after a drop, and aborts it there if it is interrupted here. UpstreamRuntimes.ts loads it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { type RuntimeEvent, RuntimeFailed } from "../../../domain/Run.ts"
import type { StorageUnavailable } from "../../../domain/Storage.ts"
import { shortened } from "../../../domain/Text.ts"
import type { OpenClawError } from "../../../openclaw-client/OpenClawError.ts"
import type { OpenClawState } from "../../../openclaw-client/OpenClawState.ts"
import type { OpenClawItem } from "../../../openclaw-client/Subscribers.ts"
import type { Turn } from "../../agents/AgentRuntime.ts"
import type { UpstreamClient } from "../../upstreams/Upstreams.ts"
import { type Read, ReplyReader } from "./ReplyReader.ts"
import { find, type StoredRun } from "./StoredRun.ts"

/** A run waits this long for a gateway that is away, at its beginning and after a drop. */
const PATIENCE = "60 seconds"

/** An interrupted run may take 5 seconds to end. */
const ABORT_TIMEOUT = "3 seconds"

/** The newest messages that a lost run is looked for in. */
const HISTORY_LIMIT = 50

const REASON_CHARS = 500

export interface UpstreamRunOptions {
  /** The name of the runtime, for messages. */
  readonly runtime: string
  readonly client: UpstreamClient
  /** Reads a file of the message. Returns `undefined` if it is gone. */
  readonly readFile: (id: string) => Effect.Effect<Uint8Array | undefined, StorageUnavailable>
  /** The identity of the conversation. Another one begins a new session at the gateway. */
  readonly conversation: string
}

/** Returns the key of the session at the gateway. It has no part of this gateway's own key, which may name a person. */
const sessionKeyOf = (agentId: string, conversation: string): string =>
  `agent:${agentId}:causeway:${createHash("sha256").update(conversation).digest("hex").slice(0, 24)}`

const isOffline = (error: OpenClawError): boolean =>
  error._tag === "RequestUnanswered" && (error.reason === "connection-lost" || error.reason === "not-connected")

/** Commands such as `/new` are commands of this gateway. It has carried them out already. */
const isCommand = (text: string): boolean => text.trimStart().startsWith("/")

const none: Read = { events: [] }

export const run = (turn: Turn, options: UpstreamRunOptions): Stream.Stream<RuntimeEvent, RuntimeFailed> =>
  Stream.unwrap(make(turn, options))

const make = Effect.fnUntraced(function* (turn: Turn, { client, conversation, readFile, runtime }: UpstreamRunOptions) {
  const failed = (problem: string) =>
    new RuntimeFailed({ runtime, detail: `${runtime}: ${shortened(problem, REASON_CHARS).toWellFormed()}` })
  const refused = ({ message }: OpenClawError) => failed(message)
  let key = turn.runId
  let reader = new ReplyReader(key)
  let sessionKey = ""
  let isSent = false
  /** Whether the gateway has acknowledged the message. */
  let isKnown = false
  let isOver = false

  const agentId = Effect.suspend(() =>
    turn.model === ""
      ? Effect.map(client.call("agents.list"), ({ agents, defaultId }) => defaultId ?? agents[0]?.id ?? "main")
      : Effect.succeed(turn.model),
  )

  const file = Effect.fnUntraced(function* ({ id, name, type }: Turn["attachments"][number]) {
    const bytes = yield* Effect.mapError(readFile(id), ({ detail }) => failed(detail))
    if (bytes === undefined) return yield* failed(`the file ${name} is gone: send it again`)
    return { fileName: name, mimeType: type, content: Buffer.from(bytes).toString("base64") }
  })

  const send = Effect.gen(function* () {
    const { text, thinking } = turn
    // Read for each request: a run may wait long, and few are sent twice.
    const attachments = yield* Effect.forEach(turn.attachments, file)
    isSent = true
    yield* client.request("chat.send", {
      sessionKey,
      message: text,
      idempotencyKey: key,
      ...(thinking !== undefined && { thinking }),
      ...(isCommand(text) && { suppressCommandInterpretation: true }),
      ...(attachments.length > 0 && { attachments }),
    })
    isKnown = true
    return none
  })

  const look = Effect.suspend(() =>
    Effect.map(client.request("chat.history", { sessionKey, limit: HISTORY_LIMIT }), (history) => find(history, key)),
  )

  /** Sends the message again under another key: the run of the first attempt ended with the process that had it. */
  const sendAgain = Effect.suspend(() => {
    key = `${turn.runId}:${turn.attempt}`
    reader = new ReplyReader(key)
    return send
  })

  const continueFrom = (stored: StoredRun): Effect.Effect<Read, OpenClawError | RuntimeFailed> => {
    switch (stored._tag) {
      case "Unknown":
        return send
      case "Running":
        isKnown = true
        isSent = true
        return Effect.succeed({ events: stored.text === undefined ? [] : reader.whole(stored.text) })
      case "Replied":
        return Effect.succeed({ events: reader.whole(stored.text), end: {} })
      case "Ended":
        return isSent ? Effect.succeed({ events: [], end: { problem: stored.problem } }) : sendAgain
    }
  }

  const begin = Effect.gen(function* () {
    if (sessionKey === "") sessionKey = sessionKeyOf(yield* agentId, conversation)
    return yield* turn.attempt === 1 && !isSent ? send : Effect.flatMap(look, continueFrom)
  })

  const handle = (item: OpenClawItem): Effect.Effect<Read, RuntimeFailed> => {
    if (item._tag === "Event") return Effect.sync(() => reader.read(item))
    if (item.reset === null && isKnown) return Effect.succeed(none)
    // After a drop, the next `Joined` begins again.
    return Effect.catch(begin, (error) => {
      if (error._tag === "RuntimeFailed") return Effect.fail(error)
      if (isOffline(error)) return Effect.succeed(none)
      isOver = error._tag === "RequestRefused" || error.reason === "too-large"
      return Effect.fail(refused(error))
    })
  }

  const abort = Effect.suspend(() => {
    if (isOver || !isSent) return Effect.void
    return Effect.ignore(Effect.timeout(client.call("chat.abort", { sessionKey, runId: key }), ABORT_TIMEOUT))
  })

  return client.events.pipe(
    Stream.mapEffect(handle),
    Stream.takeUntil(({ end }) => end !== undefined),
    Stream.flatMap(({ end, events }) => {
      isOver ||= end !== undefined
      const output = Stream.fromIterable(events)
      return end?.problem === undefined ? output : Stream.concat(output, Stream.fail(failed(end.problem)))
    }),
    Stream.interruptWhen(Effect.flatMap(awayTooLong(client), (reason) => Effect.fail(failed(reason)))),
    Stream.ensuring(abort),
  )
})

const stateOf = (client: UpstreamClient, matches: (state: OpenClawState) => boolean) =>
  Stream.runHead(Stream.filter(client.state.changes, matches))

/** Returns the reason as soon as the gateway refuses this one, or has been away for too long. */
const awayTooLong = Effect.fnUntraced(function* (client: UpstreamClient) {
  const isSettled = ({ _tag }: OpenClawState) => _tag === "Connected" || _tag === "Refused"
  while (true) {
    yield* stateOf(client, ({ _tag }) => _tag !== "Connected")
    yield* Effect.timeoutOption(stateOf(client, isSettled), PATIENCE)
    const state = client.state.current
    if (state._tag === "Connected") continue
    const reason = "reason" in state ? state.reason : "no answer"
    return state._tag === "Refused" ? reason : `it is away for ${PATIENCE}: ${reason}`
  }
})
