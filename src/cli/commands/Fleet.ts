/**
 * `causeway fleet`: shows what the agents of this gateway and of its upstream gateways do, and which gateways are away.
 */
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Upstream } from "../../domain/AgentCard.ts"
import { GatewayClient } from "../../client/GatewayClient.ts"
import type { ListedCard } from "../../domain/Fleet.ts"
import * as Flags from "../client/Flags.ts"
import * as Target from "../client/Target.ts"
import { duration, joined, oneLine, type Page, show, table } from "../terminal/Output.ts"

export const fleet = Command.make(
  "fleet",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["fleet.list"]({})
    const now = yield* Clock.currentTimeMillis
    yield* show(json, answer, () => page(answer.cards, answer.upstreams, now))
  }),
).pipe(
  Command.withDescription("Show what the agents of this gateway and of its upstream gateways do."),
  Command.withExamples([
    { command: "causeway fleet", description: "See all agents at work" },
    { command: "causeway tail --topics fleet", description: "Follow their changes" },
  ]),
  Target.connected,
)

const TASK_COLUMNS = 60
const REASON_COLUMNS = 120

/** `now` is the time of this machine, and the gateway may be on another one. */
const ago = (at: number, now: number): string => `${duration(Math.max(0, now - at))} ago`

const page = (cards: ReadonlyArray<ListedCard>, upstreams: ReadonlyArray<Upstream>, now: number): Page => {
  const rows = cards.map(({ asOf, away, currentTask, displayName, errorMessage, id, lastActivity, status, via }) => [
    id,
    displayName,
    status,
    oneLine(currentTask ?? errorMessage ?? "", TASK_COLUMNS),
    lastActivity === null ? null : ago(lastActivity, now),
    away === null && via !== "http" ? "now" : ago(asOf, now),
  ])
  const gateways = upstreams.map(({ name, reason, since, state, url, version }) => [
    name,
    state,
    ago(since, now),
    version,
    url,
    oneLine(reason ?? "", REASON_COLUMNS),
  ])
  const list = table(["AGENT", "NAME", "STATUS", "TASK", "LAST ACTIVITY", "AS OF"], rows)
  return gateways.length === 0
    ? list
    : joined([list, table(["GATEWAY", "STATE", "SINCE", "VERSION", "ADDRESS", "REASON"], gateways)], "\n\n")
}
