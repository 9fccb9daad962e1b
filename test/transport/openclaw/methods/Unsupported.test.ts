/**
 * Unsupported: a method reads every parameter of the published schema, or the table names the parameter. So no parameter
 * is accepted and then ignored by mistake.
 */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { outcomeOf } from "../../../../src/transport/dialect/Query.ts"
import { ProtocolSchemas } from "@openclaw/gateway-protocol/schema"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Method } from "../../../../src/transport/dialect/DialectMethod.ts"
import { methods } from "../../../../src/transport/openclaw/methods/Methods.ts"
import { parametersOf } from "../../../../src/transport/openclaw/methods/MethodTable.ts"
import { unsupported } from "../../../../src/transport/openclaw/methods/Unsupported.ts"
import { enter } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

/** Schemas that do not have the name of their method. */
const named: { readonly [method: string]: string } = {
  "agent.identity.get": "AgentIdentityParams",
  "chat.startup": "ChatHistoryParams",
  "sessions.subscribe": "SessionsListParams",
}

/** Methods that always fail. */
const refused = new Set(["send"])

const schemaOf = (method: string): string =>
  named[method] ?? `${method.replace(/(?:^|\.)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Params`

const published = ProtocolSchemas as { readonly [name: string]: { readonly properties?: object } }

const served = [...methods].flatMap(([name, method]) => {
  const { properties = {} } = published[schemaOf(name)] ?? {}
  return refused.has(name) ? [] : [{ name, method, parameters: Object.keys(properties) }]
})

const issueOf = (method: Method | undefined, params: object): string | undefined => {
  const outcome = method?._tag === "Own" ? outcomeOf(method.query(params)) : undefined
  const fault = outcome?._tag === "Failure" ? Option.getOrUndefined(Exit.findErrorOption(outcome)) : undefined
  return fault?._tag === "InvalidParams" ? fault.issue : undefined
}

/** A value that is in no list of harmless values. */
const foreign = { foreign: true }

describe("Unsupported", () => {
  it("Most methods have a published schema.", () => {
    expect(served.filter(({ parameters }) => parameters.length > 0).length).toBeGreaterThan(30)
  })

  it("A method reads every parameter of its schema, or the table has the parameter.", () => {
    const forgotten = served.flatMap(({ method, name, parameters }) => {
      const known = new Set([...parametersOf(method), ...Object.keys(unsupported[name] ?? {})])
      return parameters.filter((parameter) => !known.has(parameter)).map((parameter) => `${name}: ${parameter}`)
    })
    expect(forgotten).toEqual([])
  })

  it("Every method of the table exists and reads none of its unsupported parameters.", () => {
    for (const [name, rules] of Object.entries(unsupported)) {
      const method = methods.get(name)
      expect(method, name).toBeDefined()
      const read = parametersOf(method!)
      expect(Object.keys(rules).filter((parameter) => read.has(parameter))).toEqual([])
    }
  })

  it("An unsupported setting fails with its name, unless the value changes nothing.", () => {
    for (const [name, rules] of Object.entries(unsupported)) {
      const method = methods.get(name)
      for (const [parameter, harmless] of Object.entries(rules)) {
        const issue = (value: unknown) =>
          issueOf(method, { [parameter]: value })?.startsWith(`at /${parameter}: `) ?? false
        expect(issue(foreign), `${name} ${parameter}`).toBe(harmless !== "any")
        for (const value of [null, "", [], {}, ...(harmless === "any" ? [] : harmless)]) {
          expect(issue(value), `${name} ${parameter} ${JSON.stringify(value)}`).toBe(false)
        }
      }
    }
  })

  it("Settings with a visible effect are refused.", () => {
    const cases: ReadonlyArray<readonly [string, object]> = [
      ["sessions.patch", { key: "main", permissionMode: "read-only" }],
      ["sessions.patch", { key: "main", archived: true }],
      ["sessions.patch", { key: "main", pinned: true }],
      ["sessions.create", { permissionMode: "read-only" }],
      ["sessions.create", { incognito: true }],
      ["sessions.delete", { key: "main", deleteTranscript: false }],
      ["sessions.delete", { key: "main", archivedOnly: true }],
      ["chat.send", { sessionKey: "main", message: "x", deliver: true }],
      ["chat.send", { sessionKey: "main", message: "x", queueMode: "interrupt" }],
      ["agent", { message: "x", extraSystemPrompt: "be brief" }],
      ["agent", { message: "x", model: "other/model" }],
      ["agents.create", { name: "Luna", emoji: "x" }],
    ]
    for (const [name, params] of cases) {
      expect(issueOf(methods.get(name), params), JSON.stringify(params)).toMatch(/^at \/\w+: this gateway /)
    }
  })

  it("Every method refuses unknown conditions and ignores unknown settings.", () => {
    for (const [name, method] of methods) {
      if (method._tag !== "Own") continue
      for (const condition of ["expectedRunId", "ifMatch", "requireIdle", "baseHash", "unlessBusy", "idleOnly"]) {
        if (parametersOf(method).has(condition)) continue
        expect(issueOf(method, { [condition]: "x" }), name).toBe(
          `at /${condition}: this gateway cannot check this condition`,
        )
      }
      expect(issueOf(method, { someHint: "x" }) ?? "", name).not.toContain("someHint")
    }
  })

  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A refused call has an error in the form of the wire and changes nothing.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const { error } = yield* client.ask("sessions.patch", {
          key: "quiet",
          label: "named",
          permissionMode: "read-only",
        })
        expect(error).toEqual({
          code: "INVALID_REQUEST",
          message: "invalid sessions.patch params: at /permissionMode: this gateway does not support it",
        })
        expect((yield* client.ask("sessions.describe", { key: "quiet" })).payload).toEqual({ session: null })
      }),
    )

    it.effect("A request for a profile is refused, because the gateway has no profiles.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        client.send({ type: "req", id: "p", method: "chat.inject", params: {}, expectedProfileId: "me" })
        expect((yield* client.answer("p")).error?.message).toBe(
          "invalid request frame: at /expectedProfileId: this gateway has no profiles",
        )
      }),
    )
  })
})
