/**
 * UpstreamPoll: reads the cards of an upstream gateway from its REST address again and again, while its WebSocket does not
 * answer. UpstreamFeed.ts runs it, and loads it only for gateways with such an address.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import type { UpstreamSettings } from "../../domain/FleetSettings.ts"
import { parseJson } from "../../domain/Text.ts"
import { bodyOf, codeOf } from "../http/HttpAnswer.ts"
import type { Change } from "./CardMerge.ts"
import { polledCards } from "./PolledCards.ts"
import type { RunFacts } from "./RunFacts.ts"
import type { Poll } from "./UpstreamStatus.ts"

/** The part of the fleet that the poller uses. Both functions return at once. */
export interface PollSink {
  readonly runs: RunFacts
  readonly apply: (change: Change) => void
  readonly report: (poll: Poll) => void
}

const ANSWER_TIMEOUT = "10 seconds"

/** Bytes of an answer. 1,000 cards are a tenth of it. */
const BODY_BYTES = 4_194_304

class PollFailed extends Data.TaggedError("PollFailed")<{ readonly problem: string }> {}

const failed = (problem: string) => new PollFailed({ problem })

const parse = (text: string) =>
  Effect.try({ try: () => parseJson(text), catch: () => failed("its answer is not JSON") })

/** Polls until it is interrupted: at once, and then with the pause of the configuration. Redirects are not followed. */
export const poll = Effect.fnUntraced(function* (
  { pollMs, pollUrl = "", token }: UpstreamSettings,
  { apply, report, runs }: PollSink,
): Effect.fn.Return<never> {
  const url = new URL(pollUrl)
  const place = `${url.origin}${url.pathname}`
  const headers = {
    accept: "application/json",
    // A compressed answer could be a million times as large as it seems.
    "accept-encoding": "identity",
    "user-agent": "causeway",
    ...(token !== undefined && { authorization: `Bearer ${Redacted.value(token)}` }),
  }

  const answer = Effect.gen(function* () {
    const agent = yield* NodeHttpClient.makeAgent({ keepAlive: false })
    const node = yield* Effect.provideService(NodeHttpClient.makeNodeHttp, NodeHttpClient.HttpAgent, agent)
    const response = yield* HttpClient.withScope(node)
      .get(url, { headers })
      .pipe(
        Effect.provideService(HttpClient.TracerPropagationEnabled, false),
        Effect.mapError(({ cause }) => failed(codeOf(cause))),
      )
    if (response.status !== 200) return yield* failed(`it answers with status ${response.status}`)
    const { bytes, isCut } = yield* Effect.mapError(bodyOf(response, BODY_BYTES), () => failed("its answer was cut"))
    if (isCut) return yield* failed(`its answer has more than ${BODY_BYTES} bytes`)
    return yield* parse(bytes.toString("utf8"))
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: ANSWER_TIMEOUT,
      orElse: () => Effect.fail(failed(`no answer within ${ANSWER_TIMEOUT}`)),
    }),
  )

  const once = Effect.gen(function* () {
    const value = yield* answer
    const at = yield* Clock.currentTimeMillis
    const change = polledCards(value, runs, at)
    if (change === undefined) return yield* failed("its answer is no list of agents")
    // Subscribers see the change of the gateway first, as with a synchronization.
    report({ _tag: "Answered", at })
    apply(change)
  }).pipe(
    Effect.catch(({ problem }) => Effect.sync(() => report({ _tag: "Failed", problem: `${place}: ${problem}` }))),
    Effect.catchDefect((bug) => Effect.logError("the answer of an upstream gateway was not handled", bug)),
  )

  return yield* Effect.forever(Effect.andThen(once, Effect.sleep(pollMs)))
})
