/**
 * Generates the references in docs/protocol from the contract: a table of methods for people, JSON Schema, AsyncAPI and
 * OpenAPI for programs. `npm run references` writes them. A test compares them with the committed files.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Refusal } from "../src/domain/Refusal.ts"
import { brief, errorsOf, type Json, JsonSchemas } from "../src/transport/dialect/JsonSchemas.ts"
import { type Operation, operationsOf } from "../src/transport/dialect/Operations.ts"
import { openApi } from "../src/transport/rest/OpenApi.ts"
import manifest from "../package.json" with { type: "json" }

const isTagged = (schema: Json): boolean => "_tag" in ((schema["properties"] ?? {}) as Json)

/** Returns one row for a type. A union of tagged objects gets one more row for each member. */
const typeRows = ([name, schema]: readonly [string, Json]): ReadonlyArray<string> => {
  const row = (title: string, type: Json) => `| \`${title}\` | \`${brief(type).replaceAll("|", "\\|")}\` |`
  const members = (schema["anyOf"] ?? []) as ReadonlyArray<Json>
  const tagged = members.filter(isTagged)
  if (tagged.length === 0) return [row(name, schema)]
  const others = members.filter((member) => !isTagged(member))
  return [
    `| \`${name}\` | one of ${[...others.map((member) => `\`${brief(member)}\``), "the following"].join(", ")} |`,
    ...tagged.map((member) =>
      row(`— ${brief(((member["properties"] ?? {}) as Record<string, Json>)["_tag"]!)}`, member),
    ),
  ]
}

const methodsPage = (): string => {
  const schemas = new JsonSchemas("#/$defs/")
  const all = operationsOf(schemas)
  const refusals = errorsOf(schemas.render(Refusal))
  const section = (method: Operation) =>
    [
      `## ${method.name}`,
      "",
      method.summary,
      "",
      `- scope: ${method.scope === undefined ? "none" : `\`${method.scope}\``}`,
      `- payload: \`${brief(method.payload)}\``,
      `- ${method.streams ? "streams" : "result"}: \`${brief(method.result)}\``,
      ...(method.errors.length > 0 ? [`- errors: ${method.errors.map((error) => `\`${error}\``).join(", ")}`] : []),
      "",
    ].join("\n")
  const types = Object.entries(schemas.definitions()).flatMap(typeRows)
  return [
    "# Methods",
    "",
    "Generated from the contract (`src/domain`) by `npm run references`. Do not edit.",
    "",
    `Any method may also fail with ${refusals.map((error) => `\`${error}\``).join(", ")}. Then nothing was done.`,
    "[schema.json](schema.json) has the sizes and patterns of the fields.",
    "",
    "| method | scope | summary |",
    "|---|---|---|",
    ...all.map((method) => {
      const anchor = method.name.replaceAll(".", "").toLowerCase()
      return `| [${method.name}](#${anchor}) | ${method.scope ?? ""} | ${method.summary} |`
    }),
    "",
    ...all.map(section),
    "# Types",
    "",
    "| type | fields |",
    "|---|---|",
    ...types,
    "",
  ].join("\n")
}

const schemaDocument = (): Json => {
  const schemas = new JsonSchemas("#/$defs/")
  const all = operationsOf(schemas)
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Causeway gateway contract",
    methods: Object.fromEntries(
      all.map(({ errors, name, payload, result, scope, streams, summary }) => [
        name,
        {
          summary,
          scope: scope ?? null,
          stream: streams,
          payload,
          result,
          errors: errors.map((error) => ({ $ref: `#/$defs/${error}` })),
        },
      ]),
    ),
    $defs: schemas.definitions(),
  }
}

/** Returns the AsyncAPI 3.0 document: the frames of `/rpc` (effect/rpc's JSON serialization) with the contract's payloads. */
const asyncApi = (): Json => {
  const schemas = new JsonSchemas("#/components/schemas/")
  const all = operationsOf(schemas)
  const key = (name: string) => name.replaceAll(".", "_")
  const id = { anyOf: [{ type: "string" }, { type: "integer" }] }
  const message = (name: string, title: string, payload: Json) => [name, { name, title, payload }] as const
  const request = (method: Operation) =>
    message(`${key(method.name)}_request`, method.summary, {
      type: "object",
      required: ["_tag", "id", "tag", "payload", "headers"],
      properties: {
        _tag: { const: "Request" },
        id,
        tag: { const: method.name },
        payload: method.payload,
        headers: {
          type: "array",
          items: { type: "array", items: { type: "string" }, minItems: 2, maxItems: 2 },
        },
      },
    })
  const answer = (method: Operation) =>
    message(
      `${key(method.name)}_answer`,
      method.streams ? `Items of ${method.name}` : `The answer to ${method.name}`,
      method.streams
        ? {
            type: "object",
            required: ["_tag", "requestId", "values"],
            properties: {
              _tag: { const: "Chunk" },
              requestId: id,
              values: { type: "array", minItems: 1, items: method.result },
            },
          }
        : {
            type: "object",
            required: ["_tag", "requestId", "exit"],
            properties: {
              _tag: { const: "Exit" },
              requestId: id,
              exit: {
                type: "object",
                required: ["_tag"],
                properties: { _tag: { enum: ["Success", "Failure"] }, value: method.result },
              },
            },
          },
    )
  const messages = Object.fromEntries(all.flatMap((method) => [request(method), answer(method)]))
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Causeway gateway",
      version: manifest.version,
      description: "The contract over WebSocket at /rpc.",
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: { local: { host: "127.0.0.1:18789", protocol: "ws", pathname: "/rpc" } },
    channels: {
      rpc: {
        address: "/rpc",
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations: Object.fromEntries(
      all.map((method) => [
        key(method.name),
        {
          action: "receive",
          channel: { $ref: "#/channels/rpc" },
          summary: method.summary,
          messages: [{ $ref: `#/channels/rpc/messages/${key(method.name)}_request` }],
          reply: {
            channel: { $ref: "#/channels/rpc" },
            messages: [{ $ref: `#/channels/rpc/messages/${key(method.name)}_answer` }],
          },
        },
      ]),
    ),
    components: {
      messages,
      schemas: schemas.definitions(),
    },
  }
}

const pretty = (document: Json): string => `${JSON.stringify(document, null, 2)}\n`

/** Returns every generated file by its path in the repository. */
export const references = (): Readonly<Record<string, string>> => ({
  "docs/protocol/methods.md": methodsPage(),
  "docs/protocol/schema.json": pretty(schemaDocument()),
  "docs/protocol/asyncapi.json": pretty(asyncApi()),
  "docs/protocol/openapi.json": pretty(openApi()),
})

if (import.meta.main) {
  for (const [path, content] of Object.entries(references())) {
    const file = join(import.meta.dirname, "..", path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
}
