/**
 * Every parameter that the published schema gives a method is read by the method, or stands in the table of those that
 * are not: none is accepted and not done because somebody forgot it.
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

/** Schemas that are not called as their method. */
const named: { readonly [method: string]: string } = {
  "agent.identity.get": "AgentIdentityParams",
  "chat.startup": "ChatHistoryParams",
  "sessions.subscribe": "SessionsListParams",
}

/** Answered with an error whatever is asked. */
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

/** A value that no list of harmless ones holds. */
const foreign = { foreign: true }

describe("the parameters of the published schema", () => {
  it("Most of the methods that are served have a schema.", () => {
    expect(served.filter(({ parameters }) => parameters.length > 0).length).toBeGreaterThan(30)
  })

  it("Every parameter of a method is read, or is in the table of those that are not.", () => {
    const forgotten = served.flatMap(({ method, name, parameters }) => {
      const known = new Set([...parametersOf(method), ...Object.keys(unsupported[name] ?? {})])
      return parameters.filter((parameter) => !known.has(parameter)).map((parameter) => `${name}: ${parameter}`)
    })
    expect(forgotten).toEqual([])
  })

  it("No method of the table is missing, and none reads what the table says it does not.", () => {
    for (const [name, rules] of Object.entries(unsupported)) {
      const method = methods.get(name)
      expect(method, name).toBeDefined()
      const read = parametersOf(method!)
      expect(Object.keys(rules).filter((parameter) => read.has(parameter))).toEqual([])
    }
  })

  it("A setting that is not there is refused by its name; a value that changes nothing is not.", () => {
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

  it("Settings that people would take for done are refused.", () => {
    const cases: ReadonlyArray<readonly [string, object]> = [
      ["sessions.patch", { key: "main", permissionMode: "read-only" }],
      ["sessions.patch", { key: "main", archived: true }],
      ["sessions.patch", { key: "main", pinned: true }],
      ["sessions.patch", { key: "main", thinkingLevel: "high" }],
      ["sessions.create", { permissionMode: "read-only" }],
      ["sessions.create", { incognito: true }],
      ["sessions.delete", { key: "main", deleteTranscript: false }],
      ["sessions.delete", { key: "main", archivedOnly: true }],
      ["chat.send", { sessionKey: "main", message: "x", thinking: "high" }],
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

  it("A condition that nobody knows here is refused on every method; a setting that nobody knows is ignored.", () => {
    for (const [name, method] of methods) {
      if (method._tag !== "Own") continue
      for (const condition of ["expectedRunId", "ifMatch", "requireIdle", "baseHash", "unlessBusy", "idleOnly"]) {
        expect(issueOf(method, { [condition]: "x" }), name).toBe(
          `at /${condition}: this gateway cannot check this condition`,
        )
      }
      expect(issueOf(method, { someHint: "x" }) ?? "", name).not.toContain("someHint")
    }
  })

  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A refusal is in the wire's own form, and nothing is done.", () =>
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

    it.effect("A request for one profile is refused: nobody has a profile here.", () =>
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
