/**
 * `causeway approvals`: lists, allows and denies calls of tools that wait for a decision, follows them, and revokes grants.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { type Approval, type ApprovalDecision, type ApprovalGrant, GrantDays } from "../../domain/Approval.ts"
import { line } from "../../domain/Printable.ts"
import * as Flags from "../client/Flags.ts"
import * as Target from "../client/Target.ts"
import { watchRequests } from "../client/WatchRequests.ts"
import * as Output from "../terminal/Output.ts"

const id = Argument.String("id").pipe(
  Argument.withDescription("The id of the approval, or its beginning (see `causeway approvals list`)."),
)

/** Shows the whole call: the operator decides on all of it. */
const page = ({ agentId, createdAt, decisions, expiresAt, id, input, sessionKey, tool }: Approval): Output.Page =>
  Output.joined(
    [
      `${line(id)}  ${line(tool)}`,
      `  agent    ${line(agentId)}`,
      `  session  ${line(sessionKey)}`,
      `  input    ${line(input)}`,
      Output.faint(`  since ${Output.moment(createdAt)}, until ${Output.moment(expiresAt)}: ${decisions.join(", ")}`),
    ],
    "\n",
  )

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["approvals.list"]({})
    yield* Output.show(json, answer, () =>
      answer.approvals.length === 0
        ? "No call waits for an approval."
        : Output.joined(answer.approvals.map(page), "\n\n"),
    )
  }),
).pipe(
  Command.withDescription("List the calls of tools that wait for a decision, each with its whole input."),
  Target.connected,
)

const decide = Effect.fnUntraced(function* (id: string, decision: ApprovalDecision, json: boolean, grantDays?: number) {
  const { calls } = yield* GatewayClient
  const answer = yield* calls["approvals.decide"]({ id, decision, ...(grantDays !== undefined && { grantDays }) })
  const { approval, applied } = answer
  const what = decision === "deny" ? "Denied" : "Allowed"
  yield* Output.show(json, answer, () =>
    line(
      applied
        ? `${what} ${approval.tool} of agent ${approval.agentId}.`
        : `${approval.id} was ${approval.status} before.`,
    ),
  )
})

const allow = Command.make(
  "allow",
  {
    id,
    always: Flag.Boolean("always").pipe(
      Flag.withDescription("Also allow later calls of the agent with the same tool and the same input."),
      Flag.withDefault(false),
    ),
    days: Flag.Int("days").pipe(
      Flag.withDescription("Days after which --always ends. Left out: it holds until you revoke it."),
      Flag.withSchema(GrantDays),
      Flag.optional,
    ),
    json: Flags.json,
    ...Target.flags,
  },
  ({ always, days, id, json }) => decide(id, always ? "allow-always" : "allow-once", json, Option.getOrUndefined(days)),
).pipe(
  Command.withDescription("Let a call run."),
  Command.withExamples([
    { command: "causeway approvals list", description: "See the waiting calls" },
    { command: "causeway approvals allow 3f2a", description: "Let the call run, once" },
    { command: "causeway approvals allow 3f2a --always", description: "Do not ask for the same call again" },
    { command: "causeway approvals allow 3f2a --always --days 30", description: "Ask again after 30 days" },
  ]),
  Target.connected,
)

const deny = Command.make("deny", { id, json: Flags.json, ...Target.flags }, ({ id, json }) =>
  decide(id, "deny", json),
).pipe(
  Command.withDescription("Refuse a call. The agent goes on without its result."),
  Command.withExamples([{ command: "causeway approvals deny 3f2a", description: "Refuse the call" }]),
  Target.connected,
)

const watch = Command.make(
  "watch",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    yield* watchRequests({
      topic: "approvals",
      waiting: Effect.map(calls["approvals.list"]({}), ({ approvals }) => approvals),
      opened: (event) => (event._tag === "ApprovalRequested" ? event.approval : undefined),
      event: (approval) => ({ _tag: "ApprovalRequested", approval }),
      page,
      json,
    })
  }),
).pipe(
  Command.withDescription("Print the waiting calls, then new ones and the decisions on them, until Ctrl-C."),
  Command.withExamples([
    { command: "causeway approvals watch", description: "See each call that waits, as it happens" },
  ]),
  Target.connected,
)

const grants = Command.make(
  "grants",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["approvals.grants"]({})
    yield* Output.show(json, answer, () =>
      answer.grants.length === 0
        ? "No grants."
        : Output.table(
            ["GRANT", "AGENT", "TOOL", "USES", "SINCE", "UNTIL", "REVOKED", "INPUT"],
            answer.grants.map(row),
          ),
    )
  }),
).pipe(
  Command.withDescription("List the grants of decisions that last."),
  Command.withExamples([{ command: "causeway approvals grants", description: "See the calls that need no decision" }]),
  Target.connected,
)

const row = ({ agentId, createdAt, expiresAt, id, input, revokedAt, tool, uses }: ApprovalGrant) => [
  id,
  agentId,
  tool,
  uses,
  Output.moment(createdAt),
  expiresAt === undefined ? "" : Output.moment(expiresAt),
  revokedAt === null ? "" : Output.moment(revokedAt),
  Output.oneLine(input, 80),
]

const revoke = Command.make(
  "revoke",
  {
    grant: Argument.String("grant").pipe(
      Argument.withDescription("The id of the grant (see `causeway approvals grants`)."),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ grant: id, json }) {
    const { calls } = yield* GatewayClient
    const grant = yield* calls["approvals.revoke"]({ id })
    yield* Output.show(json, grant, () => line(`Revoked the grant of ${grant.tool} for agent ${grant.agentId}.`))
  }),
).pipe(
  Command.withDescription("Revoke a grant. Later calls wait for a decision again."),
  Command.withExamples([{ command: "causeway approvals revoke 9c1e…", description: "Ask again for such calls" }]),
  Target.connected,
)

export const approvals = Command.make("approvals").pipe(
  Command.withDescription("Decide which calls of tools may run."),
  Command.withSubcommands([list, allow, deny, watch, grants, revoke]),
)
