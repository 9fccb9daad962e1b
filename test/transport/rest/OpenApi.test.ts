/** OpenApi: the document of the REST routes, and the page that shows it. */
import { describe, expect, it } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import * as Effect from "effect/Effect"
import { GatewayRpcs } from "../../../src/domain/GatewayRpcs.ts"
import { openApi } from "../../../src/transport/rest/OpenApi.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Returns every `$ref` of a JSON value. */
const refsIn = (json: unknown): ReadonlyArray<string> => {
  if (typeof json !== "object" || json === null) return []
  return Object.entries(json).flatMap(([name, value]) =>
    name === "$ref" && typeof value === "string" ? [value] : refsIn(value),
  )
}

const resolve = (document: unknown, ref: string): unknown =>
  ref
    .slice(2)
    .split("/")
    .reduce((at: any, name) => at?.[name], document)

describe("OpenApi", () => {
  it("The document has a path for every method of the contract but `authenticate`.", () => {
    const document: any = openApi()
    const expected = [...GatewayRpcs.requests.keys()].filter((name) => name !== "authenticate")
    expect(Object.keys(document.paths).toSorted()).toEqual(expected.map((name) => `/api/rpc/${name}`).toSorted())
  })

  it("The document follows the official schema of OpenAPI 3.1.", async () => {
    const { errors, valid } = await new Validator().validate(structuredClone(openApi()))
    expect([valid, errors ?? []]).toEqual([true, []])
  })

  it("Every reference of the document leads to a definition.", () => {
    const document = openApi()
    const refs = new Set(refsIn(document))
    expect(refs.size).toBeGreaterThan(20)
    expect([...refs].filter((ref) => resolve(document, ref) === undefined)).toEqual([])
  })

  it("An operation has the schemas of its payload, its result and its errors by status.", () => {
    const document: any = openApi()
    const { post } = document.paths["/api/rpc/sessions.get"]
    expect(post).toMatchObject({ operationId: "sessions.get", tags: ["sessions"], "x-required-scope": "operator.read" })
    expect(post.requestBody.required).toBe(true)
    expect(post.responses["200"].content["application/json"].schema).toEqual({ $ref: "#/components/schemas/Session" })
    expect(post.responses["404"].description).toBe("SessionNotFound")
    const stream = document.paths["/api/rpc/chat.stream"].post
    expect(Object.keys(stream.responses["200"].content)).toEqual(["application/x-ndjson", "text/event-stream"])
  })

  it.layer(TestGateway.layer({ basePath: "/causeway" }), { excludeTestServices: true })((it) => {
    it.effect("The gateway serves the document without a token, with its base path as the server.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* ask("/causeway/api/openapi.json", { token: null })
        expect([status, json.openapi, json.servers]).toEqual([200, "3.1.1", [{ url: "/causeway" }]])
      }),
    )

    it.effect("The page names every method. It has no scripts, and its policy allows nothing but its own style.", () =>
      Effect.gen(function* () {
        const { headers, status, text } = yield* ask("/causeway/api/docs", { token: null })
        expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"])
        for (const name of GatewayRpcs.requests.keys()) {
          if (name !== "authenticate") expect(text).toContain(`<section id="${name}">`)
        }
        expect(text).not.toMatch(/<script|<img|<link|\son\w+=|src=/i)
        expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; style-src 'sha256-/)
      }),
    )
  })
})
