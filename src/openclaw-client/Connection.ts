/**
 * Connection: keeps one WebSocket to an OpenClaw gateway open: it carries out the conversation, watches for silence,
 * and reconnects with growing pauses. OpenClawClient.ts uses it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { randomUUID } from "node:crypto"
import { monotonicMs } from "../domain/MonotonicTime.ts"
import { ConnectionStates } from "../client/ConnectionStates.ts"
import { openCode, reasonOf } from "../client/SocketProblem.ts"
import { pauseMs } from "./Backoff.ts"
import { type ClientInfo, connectParams, type Credential } from "./Connect.ts"
import { Conversation, type Ending, type Output } from "./Conversation.ts"
import * as CredentialChoice from "./CredentialChoice.ts"
import type { Hello } from "./Hello.ts"
import { type OpenClawError, RequestUnanswered } from "./OpenClawError.ts"
import type { OpenClawState } from "./OpenClawState.ts"
import { Requests } from "./Requests.ts"
import { Subscribers } from "./Subscribers.ts"
import { noSubscriptions } from "./Subscriptions.ts"

export interface ConnectionSettings extends CredentialChoice.CredentialSettings {
  readonly url: URL
  readonly client: ClientInfo
  readonly scopes: ReadonlyArray<string>
  readonly caps: ReadonlyArray<string>
  readonly requestTimeout: Duration.Input
  readonly maxBackoffMs: number
}

export interface RequestOptions {
  /** The time until the first answer. 30 seconds by default. */
  readonly timeout?: Duration.Input | undefined
  /**
   * Waits for the second answer of a method with two, such as `agent`: the first only says that the gateway has accepted
   * the run. The second has no time limit.
   */
  readonly final?: boolean | undefined
}

export interface Connection {
  readonly states: ConnectionStates<OpenClawState>
  readonly subscribers: Subscribers
  readonly request: (method: string, params: unknown, options?: RequestOptions) => Effect.Effect<unknown, OpenClawError>
}

const OPEN_TIMEOUT = "10 seconds"

/** The time for challenge, `connect` and hello-ok. Gateways allow as long. */
const HANDSHAKE_MS = 15_000

const TICK_MS = 30_000
const SHORTEST_TICK_MS = 1_000
const LONGEST_TICK_MS = 300_000

/** The largest frame that OpenClaw gateways accept after hello-ok. */
const MAX_PAYLOAD = 26_214_400

/** The conversation ended the connection. */
class Ended {
  readonly ending: Ending
  constructor(ending: Ending) {
    this.ending = ending
  }
}

const silence = (code: number, closeReason: string) =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason }) })

const tickOf = ({ policy }: Hello): number =>
  Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, policy?.tickIntervalMs ?? TICK_MS))

const endReason = (ending: Exclude<Ending, { readonly _tag: "Refused" }>): string =>
  ending._tag === "Gap"
    ? `the gateway skipped ${ending.missing} events`
    : `this is not an OpenClaw gateway: ${ending.problem}`

const decoder = new TextDecoder()

/** Opens a connection and keeps it open until the scope closes. Returns at once. */
export const make = Effect.fnUntraced(function* (
  settings: ConnectionSettings,
): Effect.fn.Return<Connection, never, Scope.Scope | Socket.WebSocketConstructor> {
  const { caps, client, device, scopes, url } = settings
  const states = new ConnectionStates<OpenClawState>({ _tag: "Connecting", attempt: 0 })
  const subscribers = new Subscribers()
  const requests = new Requests()
  const socket = yield* Socket.makeWebSocket(url.href, { openTimeout: OPEN_TIMEOUT })
  const clock = yield* Clock.Clock
  const nowMs = () => monotonicMs(clock)

  /** The connection that takes requests. */
  let live: { readonly conversation: Conversation; readonly hello: Hello; readonly write: Write } | undefined
  /** The conversation of the last connection that got hello-ok. The next one continues from it. */
  let previous: Conversation | undefined
  let failures = 0

  const warn = (problem: string) => Effect.logWarning(`OpenClaw gateway ${url.host}: ${problem}`)
  const credentials = CredentialChoice.make(settings, url.origin + url.pathname, warn)

  /** Runs one connection until it ends. Never succeeds. */
  const session = (credential: Credential) =>
    Effect.gen(function* () {
      const reader = yield* socket.reader
      const { write } = yield* socket.writer
      let close = new Socket.CloseEvent(1000, "shutdown")
      yield* Effect.addFinalizer(() => Effect.ignore(write(close)))
      /** Done at hello-ok with the interval of ticks. */
      const admitted = Deferred.makeUnsafe<number>()
      let lastInbound = nowMs()
      const now = yield* Clock.currentTimeMillis
      const position = previous?.position
      const subscriptions = previous?.subscriptions ?? noSubscriptions
      const resume = position === undefined ? undefined : { ...position, ...subscriptions }
      const facts = { client, scopes, caps, credential, device: device?.key, resume, now }
      const conversation = new Conversation({
        connectId: randomUUID(),
        connect: (challenge) => connectParams(facts, challenge),
        subscriptions,
        position,
      })

      const perform = (output: Output): Effect.Effect<void, Socket.SocketError | Ended> => {
        switch (output._tag) {
          case "Send":
            return write(output.text)
          case "Hello": {
            Deferred.doneUnsafe(admitted, Effect.succeed(tickOf(output.hello)))
            previous = conversation
            failures = 0
            return output.deviceToken === undefined ? Effect.void : credentials.keep(output.deviceToken)
          }
          case "Joined":
            return Effect.sync(() => {
              live = { conversation, hello: output.hello, write }
              states.set({ _tag: "Connected", hello: output.hello })
              subscribers.joined(output.hello, output.reset)
            })
          case "Event":
            return Effect.sync(() => subscribers.event(output.event))
          case "Accepted":
            return Effect.sync(() => requests.accepted(output.id, output.payload))
          case "Answer":
            return Effect.sync(() => requests.answered(output.id, output.result))
          case "Stray":
            return warn(`dropped an answer to the unknown request ${output.id.slice(0, ID_CHARS)}`)
          case "Unreadable":
            return warn("dropped a frame that is not of the protocol")
          case "End":
            if (output.ending._tag === "Gap") close = new Socket.CloseEvent(4002, "events are missing")
            return Effect.fail(new Ended(output.ending))
        }
      }

      const read = Effect.forever(
        Effect.flatMap(reader.pull, (frames) => {
          lastInbound = nowMs()
          return Effect.forEach(
            frames,
            (frame) => {
              const text = typeof frame === "string" ? frame : decoder.decode(frame)
              return Effect.forEach(conversation.read(text), perform, { discard: true })
            },
            { discard: true },
          )
        }),
      )

      const watch = Effect.gen(function* () {
        const tickMs = yield* Deferred.await(admitted).pipe(
          Effect.timeoutOrElse({
            duration: HANDSHAKE_MS,
            orElse: () => {
              close = new Socket.CloseEvent(4000, "handshake timeout")
              return Effect.fail(silence(4000, "no hello-ok in time"))
            },
          }),
        )
        while (nowMs() - lastInbound <= 2 * tickMs) yield* Effect.sleep(tickMs)
        close = new Socket.CloseEvent(4000, "tick timeout")
        return yield* silence(4000, "no sign of life")
      })

      return yield* Effect.raceFirst(read, watch)
    }).pipe(
      Effect.scoped,
      Effect.onExit(() =>
        Effect.sync(() => {
          live = undefined
          subscribers.dropped()
          requests.lost()
        }),
      ),
    )

  const run = Effect.gen(function* () {
    while (true) {
      states.set({ _tag: "Connecting", attempt: failures })
      const exit = yield* Effect.exit(session(yield* credentials.next))
      const wasIn = failures === 0 && previous !== undefined
      const error = exit._tag === "Failure" ? Cause.squash(exit.cause) : undefined
      failures++
      const pause = (afterMs: number) =>
        Effect.map(Random.next, (random) => pauseMs(failures, random, afterMs, settings.maxBackoffMs))
      const wait = Effect.fnUntraced(function* (reason: string, afterMs: number, code?: string) {
        const retryInMs = yield* pause(afterMs)
        states.set({ _tag: "Waiting", attempt: failures, retryInMs, reason, ...(code !== undefined && { code }) })
        yield* Effect.sleep(retryInMs)
      })
      if (!(error instanceof Ended)) {
        const restartMs = wasIn ? (previous?.retryAfterMs ?? 0) : 0
        yield* wait(reasonOf(error), restartMs, openCode(error))
        continue
      }
      const { ending } = error
      if (ending._tag !== "Refused") {
        yield* wait(endReason(ending), 0)
        continue
      }
      const decision = yield* credentials.refused(ending.error)
      switch (decision._tag) {
        case "Switch":
          failures--
          break
        case "Retry":
          yield* wait(decision.reason, decision.afterMs)
          break
        case "Pair": {
          const retryInMs = yield* pause(0)
          const { reason, requestId } = decision
          const ids = {
            ...(requestId !== undefined && { requestId }),
            ...(device !== undefined && { deviceId: device.key.id }),
          }
          states.set({ _tag: "Pairing", attempt: failures, retryInMs, reason, ...ids })
          yield* Effect.sleep(retryInMs)
          break
        }
        case "Stop":
          states.set({ _tag: "Refused", reason: decision.reason, code: decision.code })
          return
      }
    }
  })
  yield* Effect.forkScoped(run)

  const unanswered = (method: string, reason: RequestUnanswered["reason"]) =>
    Effect.fail(new RequestUnanswered({ method, reason }))

  const request = (method: string, params: unknown, { final = false, timeout }: RequestOptions = {}) =>
    Effect.suspend((): Effect.Effect<unknown, OpenClawError> => {
      const now = live
      if (now === undefined) return unanswered(method, "not-connected")
      if (requests.isFull) return unanswered(method, "too-many")
      const id = randomUUID()
      const { conversation, hello, write } = now
      const texts = conversation
        .request(id, method, params, final)
        .flatMap((one) => (one._tag === "Send" ? [one.text] : []))
      const forget = Effect.sync(() => {
        requests.forget(id)
        conversation.forget(id)
      })
      const maxBytes = hello.policy?.maxPayload ?? MAX_PAYLOAD
      if (texts.some((text) => Buffer.byteLength(text) > maxBytes))
        return Effect.ensuring(unanswered(method, "too-large"), forget)
      const { first, last } = requests.open(id, method)
      return Effect.forEach(texts, write, { discard: true }).pipe(
        Effect.catch(() => unanswered(method, "connection-lost")),
        Effect.andThen(Deferred.await(first)),
        Effect.timeoutOrElse({
          duration: timeout ?? settings.requestTimeout,
          orElse: () => unanswered(method, "timeout"),
        }),
        Effect.andThen(Deferred.await(last)),
        Effect.ensuring(forget),
      )
    })

  return { states, subscribers, request }
})

type Write = Socket.Writer["write"]

const ID_CHARS = 64
