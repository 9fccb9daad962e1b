/**
 * Runs one call of a tool within its bounds: permission, approval, time and size. Every problem becomes a failed result
 * that the model reads; a bug in a handler never fails the run. Tools.ts uses it. The log never shows input or output.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { cut } from "../../domain/Text.ts"
import { permissionFor, TOOL_NAME_CHARS } from "../../domain/Tool.ts"
import { type Checked, sift } from "../attachments/AttachmentCheck.ts"
import { type AgentTool, CurrentToolCall, ToolFailed, type ToolOutput, type ToolRun } from "./AgentTool.ts"
import { RunSecrets } from "./RunSecrets.ts"
import { ONCE_ONLY, ToolApproval } from "./ToolApproval.ts"

/** The end of a call. */
export interface ToolResult extends Omit<ToolOutput, "files"> {
  readonly isError: boolean
  /** The files that may be kept. The text says why another one is left out. */
  readonly files?: ReadonlyArray<Checked>
}

export interface ToolCallRequest {
  readonly run: ToolRun
  readonly name: string
  /** `undefined`: the gateway has no tool with the name. */
  readonly tool: AgentTool | undefined
  readonly input: unknown
  readonly callId: string
  /** The names that the agent may use, for the message about an unknown one. */
  readonly names: () => ReadonlyArray<string>
}

/** Makes the function that runs a call. */
export const make = Effect.gen(function* () {
  const { attachments: fileLimits, tools: limits } = yield* GatewayConfig
  const { approve } = yield* ToolApproval
  const secrets = yield* RunSecrets

  const inTime = (tool: AgentTool, call: ToolRun & { readonly callId: string }, input: unknown) => {
    const duration = tool.timeoutMs ?? limits.timeoutMs
    const message = `The tool "${tool.name}" did not answer within ${duration} ms, so the gateway stopped the call. What it did until then may have taken effect.`
    // A child fiber would make the run wait for a handler that does not stop.
    return Effect.acquireUseRelease(
      Effect.forkDetach(
        Effect.provideService(
          Effect.suspend(() => tool.run(input)),
          CurrentToolCall,
          call,
        ),
      ),
      (fiber) =>
        duration === Infinity
          ? Fiber.join(fiber)
          : Effect.timeoutOrElse(Fiber.join(fiber), {
              duration,
              orElse: () => Effect.fail(new ToolFailed({ message })),
            }),
      (fiber) => Effect.sync(() => fiber.interruptUnsafe()),
    )
  }

  /** Runs the call with exactly the input that the operator has seen, but for masked secrets. Such a call gets no grant. */
  const afterApproval = Effect.fnUntraced(function* (
    tool: AgentTool,
    call: ToolRun & { readonly callId: string },
    input: unknown,
  ) {
    const shown = JSON.stringify(input ?? {})
    const masked = secrets.mask(call.runId, shown)
    yield* approve({ ...call, tool: tool.name, input: masked, ...(masked !== shown && ONCE_ONLY) })
    return yield* inTime(tool, call, JSON.parse(shown))
  }, Effect.scoped)

  const checked = Effect.fnUntraced(function* ({ callId, input, name, names, run, tool }: ToolCallRequest) {
    const permission = tool === undefined ? "deny" : permissionFor(tool, run.agent.tools)
    if (tool === undefined || permission === "deny") return yield* unknownTool(name, names())
    const call = { ...run, callId }
    return yield* permission === "ask" ? afterApproval(tool, call, input) : inTime(tool, call, input)
  })

  /** Bounds the texts, and adds a note for each file that cannot be kept. */
  const bound = ({ files = [], isError, shown, text }: ToolOutput & { readonly isError: boolean }): ToolResult => {
    const uploads = files.map(({ bytes, ...facts }) => ({ ...facts, data: bytes }))
    const { files: kept, notes } = sift(uploads, fileLimits)
    const noted = (text: string) => [bounded(text, limits.outputChars), ...notes].join("\n")
    return {
      isError,
      text: noted(text),
      ...(shown !== undefined && { shown: noted(shown) }),
      ...(kept.length > 0 && { files: kept }),
    }
  }

  return Effect.fn("Tools.call")((request: ToolCallRequest): Effect.Effect<ToolResult> =>
    Effect.exit(checked(request)).pipe(
      Effect.flatMap((exit): Effect.Effect<ToolOutput & { readonly isError: boolean }> => {
        if (Exit.isSuccess(exit)) {
          const output = typeof exit.value === "string" ? { text: exit.value } : exit.value
          return Effect.succeed({ ...output, isError: false })
        }
        if (Cause.hasInterruptsOnly(exit.cause))
          return Effect.succeed({ text: interrupted(request.name), isError: true })
        const failure = Cause.findErrorOption(exit.cause)
        return failure._tag === "Some"
          ? Effect.succeed({ text: failure.value.message, isError: true })
          : Effect.as(Effect.logError("A tool died", exit.cause), { text: died(request.name), isError: true })
      }),
      Effect.map(bound),
      Effect.annotateLogs({ tool: request.name, runId: request.run.runId }),
    ),
  )
})

const unknownTool = (name: string, names: ReadonlyArray<string>) =>
  new ToolFailed({
    message: `There is no tool "${cut(name, TOOL_NAME_CHARS)}" for this agent. The tools are: ${names.join(", ") || "none"}.`,
  })

const interrupted = (name: string) => `The tool "${name}" stopped before it had a result.`

/** A defect may contain secrets, so only the log shows it. */
const died = (name: string) => `The tool "${name}" failed with an internal error. The gateway's log has the details.`

const bounded = (text: string, max: number): string =>
  (text.length <= max
    ? text
    : `${cut(text, max)}\n[The gateway cut the output here: it has ${text.length} characters.]`
  ).toWellFormed()
