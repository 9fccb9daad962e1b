/**
 * MultipartSend: `POST /api/send` sends a message with files as a form, as `curl -F` and pages write it. Its fields are those
 * of `chat.send`; every file of the form is an attachment. It takes larger files than a frame holds. Mounts.ts mounts it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { didYouMean } from "../../domain/Suggestions.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { problem } from "../http/Problem.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import * as FormData from "./FormData.ts"

/** The bytes of a form beside its files. */
const REST_BYTES = 1_048_576

/** Texts of the form, with their form in the payload. */
const fields = {
  text: String,
  sessionKey: String,
  agentId: String,
  channel: String,
  peerId: String,
  guildId: String,
  accountId: String,
  idempotencyKey: String,
  queue: String,
  timeoutMs: Number,
  commands: (text: string): boolean | string => (text === "true" ? true : text === "false" ? false : text),
} as const

const isField = (name: string): name is keyof typeof fields => Object.hasOwn(fields, name)

const unknownField = (name: string) => {
  const shown = JSON.stringify(name.slice(0, 100))
  const hint = didYouMean(name, Object.keys(fields)) ?? `The fields are ${Object.keys(fields).join(", ")} and files`
  return problem(400, `unknown field ${shown}. ${hint}`)
}

const payloadOf = Effect.fnUntraced(function* ({ files, texts }: FormData.Form) {
  const payload: Record<string, unknown> = { text: "" }
  for (const [name, text] of texts) {
    if (!isField(name)) return yield* Effect.fail(unknownField(name))
    payload[name] = fields[name](text)
  }
  return { ...payload, ...(files.length > 0 && { attachments: files }) }
})

const routesFor = (maxParts: number) =>
  Effect.map(
    ContractCalls,
    (calls) =>
      [
        {
          method: "POST",
          path: "",
          handle: Effect.fnUntraced(function* ({ caller, request }: ApiRoutes.ApiCall) {
            const body = Buffer.from(yield* RequestBody.bytes(request))
            const type = request.headers["content-type"] ?? ""
            const form = yield* Effect.mapError(FormData.read(type, body, maxParts), (text) =>
              problem(/^multipart\//i.test(type) ? 400 : 415, text),
            )
            const { call } = calls.ofCaller({ id: "http", dialect: "rest", principal: caller.principal })
            const accepted = yield* Effect.mapError(call("chat.send", yield* payloadOf(form)), (fault) =>
              ProblemDetails.ofFault(fault),
            )
            return HttpServerResponse.jsonUnsafe(accepted, { headers: { "cache-control": "no-store" } })
          }),
        },
      ] satisfies ReadonlyArray<ApiRoutes.ApiRoute>,
  )

export const layer = Layer.unwrap(
  Effect.map(GatewayConfig, ({ attachments }) =>
    ApiRoutes.layer({
      prefix: "/api/send",
      purpose: "messages with files, as forms (HTTP)",
      errors: ProblemDetails.form,
      bodyBytes: attachments.maxBytes + REST_BYTES,
      // One more file than allowed reaches the check that names the limit.
      routes: routesFor(attachments.perMessage + 1 + Object.keys(fields).length),
    }),
  ),
)
