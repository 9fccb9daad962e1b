/**
 * OpenApi: makes the OpenAPI document (https://spec.openapis.org/oas/v3.1.1) of Rest.ts from the schemas of the contract.
 * OpenApiRoutes.ts serves it, and scripts/references.ts writes it to docs/protocol/openapi.json.
 */
import { Refusal } from "../../domain/Refusal.ts"
import { VERSION } from "../../domain/Version.ts"
import { type Json, JsonSchemas } from "../dialect/JsonSchemas.ts"
import { type Operation, operationsOf } from "../dialect/Operations.ts"
import { PREFIX, restMethods } from "./Rest.ts"
import { PROBLEM_TYPE, statusOfError } from "../http/ProblemDetails.ts"
import { streamTypes } from "./ResultStream.ts"

const DESCRIPTION = `Every method of the gateway's contract as \`POST ${PREFIX}/<method>\`, with the payload and the result as JSON. \
A request without a body has an empty payload. Errors are problem details (RFC 9457). Their member \`error\` is the error of the contract. \
A streaming method answers with one JSON value a line, or with server-sent events if the request accepts \`text/event-stream\`. \
If a stream fails after its first value, its last line is \`{"problem": ...}\`, or its last event is \`problem\`. \
A client that closes the request interrupts its call. The gateway may still complete what it has begun.`

const ROOT = "#/components/schemas/"

const ref = (name: string): Json => ({ $ref: ROOT + name })

const problemSchema: Json = {
  type: "object",
  description: "RFC 9457",
  required: ["type", "title", "status"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "Text for people." },
    error: {
      type: "object",
      description: "The error of the contract. Its fields depend on `_tag`.",
      required: ["_tag"],
      properties: { _tag: { type: "string" } },
    },
  },
}

const problemResponse = (description: string, errors: ReadonlyArray<string>): Json => ({
  description,
  content: {
    [PROBLEM_TYPE]: {
      schema: {
        allOf: [
          ref("Problem"),
          { type: "object", required: ["error"], properties: { error: { anyOf: errors.map(ref) } } },
        ],
      },
    },
  },
})

/** Returns a response for each status with which the errors of the method answer. */
const errorResponses = (errors: ReadonlyArray<string>): Json =>
  Object.fromEntries(
    [...Map.groupBy(errors, statusOfError)]
      .toSorted(([a], [b]) => a - b)
      .map(([status, errors]) => [String(status), problemResponse(errors.join(", "), errors)]),
  )

const requiresBody = ({ payload }: Operation): boolean =>
  ((payload["required"] ?? []) as ReadonlyArray<string>).length > 0 || payload["$ref"] !== undefined

const pathOf = (operation: Operation): Json => {
  const { errors, name, payload, result, scope, streams, summary } = operation
  const types = streams ? streamTypes : ["application/json"]
  return {
    post: {
      operationId: name,
      summary,
      tags: [name.split(".", 1)[0]!],
      ...(scope !== undefined && { "x-required-scope": scope }),
      requestBody: { required: requiresBody(operation), content: { "application/json": { schema: payload } } },
      responses: {
        "200": {
          description: streams ? "The values of the stream." : "The result.",
          content: Object.fromEntries(types.map((type) => [type, { schema: result }])),
        },
        ...errorResponses(errors),
        default: { $ref: "#/components/responses/Problem" },
      },
    },
  }
}

/** The methods with their schemas, and the schemas that they refer to, by name. */
export const operations = (): { readonly operations: ReadonlyArray<Operation>; readonly definitions: Json } => {
  const schemas = new JsonSchemas(ROOT)
  const operations = operationsOf(schemas, restMethods)
  schemas.render(Refusal)
  return { operations, definitions: schemas.definitions() }
}

/** `basePath`: the prefix of all routes of the gateway. */
export const openApi = (basePath = ""): Json => {
  const { definitions, operations: all } = operations()
  return {
    openapi: "3.1.1",
    info: { title: "Causeway gateway", version: VERSION, description: DESCRIPTION, license: { name: "MIT" } },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ token: [] }],
    paths: Object.fromEntries(all.map((operation) => [`${PREFIX}/${operation.name}`, pathOf(operation)])),
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "The token of the gateway." } },
      responses: {
        Problem: {
          description: "Any other problem, such as `Unauthenticated`, `Forbidden`, `RateLimited` or `InvalidParams`.",
          content: { [PROBLEM_TYPE]: { schema: ref("Problem") } },
        },
      },
      schemas: { ...definitions, Problem: problemSchema },
    },
  }
}
