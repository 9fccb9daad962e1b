/** A whole gateway whose agents talk through another one of its kind. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { GatewayEvent } from "../../../../src/domain/Event.ts"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { Attachments } from "../../../../src/services/attachments/Attachments.ts"
import { Agents } from "../../../../src/services/agents/Agents.ts"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../../src/services/sessions/Sessions.ts"
import { principal } from "../../../support/Conversations.ts"
import * as CuttingProxy from "../../../support/CuttingProxy.ts"
import { layer as gateway, TestGateway, TOKEN } from "../../../support/TestGateway.ts"

/** Two gateways. The agent `luna` of the office is the agent `otto` at home. */
const start = Effect.gen(function* () {
  const home = yield* Layer.build(gateway())
  const proxy = yield* CuttingProxy.make(Context.get(home, TestGateway).port)
  const upstreams = [{ name: "home", url: `ws://127.0.0.1:${proxy.port}/`, token: TOKEN }]
  const office = yield* Layer.build(gateway({ fleet: { upstreams } }))
  yield* Context.get(home, Agents).create({ id: "otto", name: "Otto" })
  yield* Context.get(office, Agents).create({ id: "luna", name: "Luna", runtime: "upstream/home", model: "otto" })
  const runs = Context.get(office, Runs)
  /** Sends a message and returns the events of its run. */
  const ask = (text: string, onEvent: (event: GatewayEvent) => Effect.Effect<unknown> = () => Effect.void) =>
    runs.stream({ text, agentId: "luna", sessionKey: "agent:luna:main" }, principal).pipe(
      Stream.tap((item) => (item._tag === "Event" ? onEvent(item.event) : Effect.void)),
      Stream.runCollect,
      Effect.map((items) => Array.from(items).flatMap((item) => (item._tag === "Event" ? [item.event] : []))),
    )
  const homeSessions = Effect.map(Context.get(home, Sessions).list({ agentId: "otto" }), ({ sessions }) => sessions)
  return { ask, home, homeSessions, office, proxy, runs }
})

const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(" ")

const textIn = (events: ReadonlyArray<GatewayEvent>) =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

describe("The runtime upstream/<name>", () => {
  it.live("Text, thinking and tools stream, the session goes on, and an abort reaches the gateway.", () =>
    Effect.gen(function* () {
      const { ask, home, homeSessions, office, runs } = yield* start
      const first = yield* ask("/think /tool hello there")
      expect(textIn(first)).toBe("echo: hello there")
      expect(first.map(({ _tag }) => _tag)).toEqual(
        expect.arrayContaining(["ThinkingDelta", "ToolStarted", "ToolEnded", "TextDelta", "RunEnded"]),
      )
      expect(first.at(-1)).toMatchObject({ outcome: "done", usage: { outputTokens: 3 } })
      expect(first.find(({ _tag }) => _tag === "ToolEnded")).toMatchObject({ name: "echo", output: "hello there" })
      yield* ask("and again")
      expect(yield* homeSessions).toMatchObject([{ messageCount: 5 }])

      const aborted = yield* ask(`/slow 60000 ${words(400)}`, (event) =>
        event._tag === "TextDelta" ? Effect.orDie(runs.abort("agent:luna:main")) : Effect.void,
      )
      const end = aborted.at(-1)
      expect(end).toMatchObject({ _tag: "RunEnded", outcome: "aborted" })
      const runId = end?._tag === "RunEnded" ? end.runId : ""
      expect(yield* Context.get(home, Runs).wait(runId, 10_000)).toMatchObject({ state: "aborted" })

      const failed = yield* ask("/fail now")
      expect(failed.at(-1)).toMatchObject({
        outcome: "failed",
        error: { message: expect.stringContaining("upstream/home: The echo was asked to fail") },
      })
      expect(yield* Context.get(office, AgentRuntimes).models).toContainEqual({
        id: "otto",
        name: "Otto",
        runtime: "upstream/home",
        contextWindow: null,
      })
      yield* Context.get(office, Sessions).reset("agent:luna:main")
      yield* ask("new")
      expect(yield* homeSessions).toHaveLength(2)
    }).pipe(Effect.scoped),
  )

  it.live("The files of a message reach the gateway.", () =>
    Effect.gen(function* () {
      const { home, homeSessions, runs } = yield* start
      const data = Buffer.from("some text").toString("base64")
      const { runId } = yield* runs.accept(
        {
          text: "read this",
          agentId: "luna",
          sessionKey: "agent:luna:main",
          attachments: [{ name: "a.txt", type: "text/plain", data }],
        },
        principal,
      )
      expect(yield* runs.wait(runId, 30_000)).toMatchObject({ state: "done" })
      const [session] = yield* homeSessions
      const { messages } = yield* Context.get(home, Sessions).history(session!.key, { limit: 10 })
      const [file] = messages.flatMap(({ attachments }) => attachments ?? [])
      expect(file).toMatchObject({ name: "a.txt", type: "text/plain", size: 9 })
      const bytes = yield* Context.get(home, Attachments).read(file!.id)
      expect(Buffer.from(bytes!).toString()).toBe("some text")
    }).pipe(Effect.scoped),
  )

  it.live("A drop in the middle of a reply loses nothing.", () =>
    Effect.gen(function* () {
      const { ask, proxy } = yield* start
      let isCut = false
      const text = words(40)
      const events = yield* ask(`/slow 1500 ${text}`, (event) =>
        Effect.sync(() => {
          if (event._tag !== "TextDelta" || isCut) return
          isCut = true
          proxy.cut()
        }),
      )
      expect(isCut).toBe(true)
      expect(textIn(events)).toBe(`echo: ${text}`)
      expect(events.at(-1)).toMatchObject({ outcome: "done" })
    }).pipe(Effect.scoped),
  )
})
