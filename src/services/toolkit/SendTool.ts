/**
 * The tool `sessions_send`: sends a message to the agent of another session and waits for the reply. Toolkit.ts adds it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SessionKey } from "../../domain/Bounds.ts"
import type { SendError } from "../../domain/Chat.ts"
import { errorSentence } from "../../domain/ErrorSentence.ts"
import { MessageText } from "../../domain/Message.ts"
import type { Run } from "../../domain/Run.ts"
import { Runs } from "../runs/Runs.ts"
import { Sessions } from "../sessions/Sessions.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { Tools } from "../tools/Tools.ts"
import { MessageBudget } from "./MessageBudget.ts"
import { asSender, denied, isInTree, lineage, mayWrite } from "./Rights.ts"
import { RepeatedCalls } from "./RepeatedCalls.ts"
import { missingSession, unreadable } from "./SessionTools.ts"
import { Waits } from "./Waits.ts"

/** The longest wait for a reply. The run keeps its place among the concurrent runs meanwhile. */
const MAX_WAIT_SECONDS = 300

const DEFAULT_WAIT_SECONDS = 60

/** The time beyond the wait for everything else. */
const MARGIN_MS = 10_000

/** Returns the failure that the model reads if the gateway refuses a message. */
export const refused = ({ _tag }: SendError) =>
  new AgentTool.ToolFailed({ message: `The gateway refused the message: ${errorSentence(_tag)}. Try it later.` })

const Reply = Schema.Struct({
  state: Schema.Literals(["done", "failed", "aborted", "running"]),
  reply: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.String),
})

const toReply = ({ error, reply, state }: Run): typeof Reply.Type => {
  switch (state) {
    case "done":
      return { state, reply: reply ?? "" }
    case "failed":
      return { state, note: error?.message ?? "The run failed." }
    case "aborted":
      return { state, note: "The run was aborted." }
    case "queued":
    case "running":
      return { state: "running", note: "No reply yet. Call sessions_history later to read it." }
  }
}

const send = Effect.gen(function* () {
  const budget = yield* MessageBudget
  const runs = yield* Runs
  const sessions = yield* Sessions
  const repeated = new RepeatedCalls()
  const waits = new Waits()

  return AgentTool.make({
    name: "sessions_send",
    description:
      "Sends a message to the agent of another session and returns its reply. If the reply takes longer than `waitSeconds`, the agent goes on and you can read its reply later.",
    source: "gateway",
    timeoutMs: MAX_WAIT_SECONDS * 1_000 + MARGIN_MS,
    parameters: Schema.Struct({
      sessionKey: SessionKey,
      text: MessageText,
      waitSeconds: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: MAX_WAIT_SECONDS }))),
    }),
    success: Reply,
    handle: Effect.fnUntraced(function* ({ sessionKey, text, waitSeconds = DEFAULT_WAIT_SECONDS }) {
      const call = yield* AgentTool.CurrentToolCall
      const { agentId, key } = yield* Effect.mapError(sessions.get(sessionKey), () => missingSession(sessionKey))
      if (key === call.sessionKey) {
        return yield* new AgentTool.ToolFailed({ message: "This is your own session. Answer there instead." })
      }
      if (!mayWrite(call) && !isInTree(key, call.sessionKey, sessions.find)) {
        return yield* denied("write to other sessions", "operator.write")
      }
      yield* budget.spend(lineage(call.sessionKey, sessions.find).at(-1)!)
      const idempotencyKey = `message-${repeated.idOf(call, key, text)}`
      const { runId } = yield* runs
        .accept(
          { text, sessionKey: key, agentId, commands: false, queue: "followup", idempotencyKey },
          asSender(call.principal),
        )
        .pipe(Effect.mapError(refused))
      const mutual = waits.isWaitingFor(key, call.sessionKey)
      const wait = runs.wait(runId, mutual ? 0 : Duration.toMillis(Duration.seconds(waitSeconds)))
      return toReply(yield* Effect.mapError(waits.during(call.sessionKey, key, wait), unreadable))
    }),
  })
})

export const layer: Layer.Layer<never, never, MessageBudget | Runs | Sessions | Tools> = Layer.unwrap(
  Effect.map(send, (tool) => Tools.add(tool)),
)
