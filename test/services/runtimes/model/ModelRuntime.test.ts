/** The runtime `model` with scripted models, through the services of conversations. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { Agents } from "../../../../src/services/agents/Agents.ts"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../../src/services/sessions/Sessions.ts"
import { tokensOfMessages } from "../../../../src/services/runtimes/model/TokenEstimate.ts"
import * as AgentTool from "../../../../src/services/tools/AgentTool.ts"
import { ask, principal } from "../../../support/Conversations.ts"
import {
  answer,
  calls,
  fails,
  finish,
  problem,
  says,
  scripted,
  shown,
  thinks,
  usage,
} from "../../../support/ScriptedModels.ts"

const add = AgentTool.make({
  name: "add",
  description: "Adds two numbers.",
  parameters: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  success: Schema.Finite,
  handle: ({ a, b }) => Effect.succeed(a + b),
})

const transcriptOf = (key: string) =>
  Effect.gen(function* () {
    const { messages } = yield* (yield* Sessions).history(key, { limit: 100 })
    return messages.map(
      ({ role, text, thinking }) => `${role}: ${thinking === undefined ? "" : `(${thinking}) `}${text}`,
    )
  })

describe("A run of a model", () => {
  it.live("The model answers, and the transcript holds its text, its thinking and its usage.", () => {
    const { layer, requests } = scripted({ answer: () => answer(thinks("hm"), says("Hel", "lo"), finish("stop")) })
    return Effect.gen(function* () {
      const run = yield* ask("hi", "s")
      expect(run).toMatchObject({
        state: "done",
        reply: "Hello",
        usage: { inputTokens: 10, outputTokens: 5, contextTokens: 15 },
      })
      expect(yield* transcriptOf("s")).toEqual(["user: hi", "assistant: (hm) Hello"])
      expect(requests[0]!.messages.map(({ role }) => role)).toEqual(["system", "user"])
    }).pipe(Effect.provide(layer))
  })

  it.live("The system message has the instruction, the date, the sender and the documents of the agent.", () => {
    const { layer, requests } = scripted({ answer: () => answer(says("ok")), documents: { rules: "Be kind." } })
    return Effect.gen(function* () {
      yield* (yield* Agents).update("main", { personality: "You like cats.", documents: ["rules", "lost"] })
      const runs = yield* Runs
      const sent = yield* runs.accept({ text: "hi", channel: "telegram", peerId: "Ada" }, principal)
      yield* runs.wait(sent.runId, 10_000)
      const system = String(requests[0]!.messages[0]!.content)
      expect(system).toMatch(/^You are Main\.\nYou like cats\.\n\nToday is \w+day, \d{4}-\d\d-\d\d \(UTC\)\./)
      expect(system).toContain('You talk with "Ada" on the channel "telegram".')
      expect(system).toContain('<document id="rules">\nBe kind.\n</document>')
      expect(system).not.toContain("lost")
    }).pipe(Effect.provide(layer))
  })

  it.live("Later runs see the earlier messages, without their thinking.", () => {
    const { layer, requests } = scripted({ answer: (_, n) => answer(thinks("hm"), says(`reply ${n}`)) })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      yield* ask("two", "s")
      expect(requests[1]!.messages.slice(1).map(shown)).toEqual(["user: one", "assistant: reply 0", "user: two"])
    }).pipe(Effect.provide(layer))
  })

  it.live("The session's thinking level and model win over the agent's.", () => {
    const { layer, requests } = scripted({ answer: () => answer(says("ok")) })
    return Effect.gen(function* () {
      yield* (yield* Agents).update("main", { thinking: "low", model: "test/two" })
      const sessions = yield* Sessions
      yield* ask("x", "s")
      yield* sessions.patch("s", { thinking: "high", model: "test/three" })
      yield* ask("y", "s")
      expect(requests.map(({ model, thinking }) => [model, thinking])).toEqual([
        ["two", "low"],
        ["three", "high"],
      ])
    }).pipe(Effect.provide(layer))
  })

  it.live("Without a model the run fails and says what to set.", () => {
    const { layer } = scripted({ answer: () => answer(says("ok")), config: { model: "", runtime: "model" } })
    return Effect.gen(function* () {
      expect(yield* ask("x", "s")).toMatchObject({
        state: "failed",
        error: {
          kind: "configuration",
          message: 'The agent "main" has no model. Set its model, or the option `model`, to provider/model.',
        },
      })
    }).pipe(Effect.provide(layer))
  })

  it.live("The runtime lists the models of the providers.", () => {
    const { layer } = scripted({ answer: () => answer(says("ok")) })
    return Effect.gen(function* () {
      const models = yield* (yield* AgentRuntimes).models
      expect(models.map(({ id, runtime }) => [id, runtime])).toEqual([
        ["echo", "echo"],
        ["test/one", "model"],
        ["test/two", "model"],
        ["test/three", "model"],
      ])
    }).pipe(Effect.provide(layer))
  })

  it.live("An agent without a runtime gets the one that offers its model, else the default.", () => {
    const { layer } = scripted({ answer: () => answer(says("I think")), config: { model: "" } })
    return Effect.gen(function* () {
      const agents = yield* Agents
      expect((yield* ask("x", "s")).reply).toBe("echo: x")
      yield* agents.update("main", { model: "test/one" })
      expect((yield* ask("x", "s")).reply).toBe("I think")
      yield* agents.update("main", { model: "other/one" })
      expect((yield* ask("x", "s")).reply).toBe("echo: x")
      yield* (yield* Sessions).patch("s", { model: "test/two" })
      expect((yield* ask("x", "s")).reply).toBe("I think")
      yield* agents.update("main", { runtime: "echo" })
      expect((yield* ask("x", "s")).reply).toBe("echo: x")
    }).pipe(Effect.provide(layer))
  })

  it.live("An abort ends the request to the provider, and the text so far stays.", () => {
    const closed = Deferred.makeUnsafe<void>()
    const { layer } = scripted({
      answer: () =>
        Stream.concat(Stream.fromIterable(says("begun")), Stream.never).pipe(
          Stream.ensuring(Deferred.succeed(closed, undefined)),
        ),
    })
    return Effect.gen(function* () {
      const runs = yield* Runs
      const begun = yield* Deferred.make<void>()
      const reader = yield* runs.stream({ text: "x", sessionKey: "s", idempotencyKey: "r" }, principal).pipe(
        Stream.tap((item) =>
          item._tag === "Event" && item.event._tag === "TextDelta" ? Deferred.succeed(begun, undefined) : Effect.void,
        ),
        Stream.runDrain,
        Effect.forkChild,
      )
      yield* Deferred.await(begun)
      expect(yield* runs.abort("s")).toEqual(["r"])
      yield* Deferred.await(closed)
      yield* Fiber.join(reader)
      expect(yield* transcriptOf("s")).toEqual(["user: x", "assistant: begun"])
    }).pipe(Effect.provide(layer))
  })
})

describe("The tools of a model", () => {
  it.live("The model calls tools in rounds, and reads their results in its next step.", () => {
    const { layer, requests } = scripted({
      tools: [add],
      answer: (_, n) =>
        [
          answer(thinks("first"), says("Let me add."), calls("1", "add", { a: 1, b: 2 }), finish("tool-calls")),
          answer(calls("1", "add", { a: 3, b: 4 }), finish("tool-calls")),
          answer(says("It is 7.")),
        ][n]!,
    })
    return Effect.gen(function* () {
      const run = yield* ask("1 + 2 + 4?", "s")
      expect(run).toMatchObject({
        state: "done",
        reply: "Let me add.\n\nIt is 7.",
        usage: { inputTokens: expect.any(Number) },
      })
      expect(requests[0]!.tools).toEqual(["add"])
      expect(requests[2]!.messages.slice(1).map(shown)).toEqual([
        "user: 1 + 2 + 4?",
        'assistant: (first) | Let me add. | add({"a":1,"b":2})',
        "tool: result 3",
        'assistant: add({"a":3,"b":4})',
        "tool: result 7",
      ])
      const [thought] = requests[1]!.messages[2]!.content as ReadonlyArray<{ readonly options: unknown }>
      expect(thought!.options).toEqual({ anthropic: { signature: "signed first" } })
      const { messages } = yield* (yield* Sessions).history("s", { limit: 10 })
      expect(messages.map(({ role, tool }) => [role, tool?.callId, tool?.output])).toEqual([
        ["user", undefined, undefined],
        ["tool", "1", "3"],
        ["tool", "1-2", "7"],
        ["assistant", undefined, undefined],
      ])
      yield* ask("and then?", "s")
      expect(requests[3]!.messages.slice(1).map(shown)).toEqual([
        "user: 1 + 2 + 4?",
        'assistant: add({"a":1,"b":2}) | add({"a":3,"b":4})',
        "tool: result 3 | result 7",
        "assistant: Let me add.\n\nIt is 7.",
        "user: and then?",
      ])
    }).pipe(Effect.provide(layer))
  })

  it.live("Calls of one step run at once, and their results keep the order of the calls.", () => {
    const both = Deferred.makeUnsafe<void>()
    let running = 0
    const meet = AgentTool.make({
      name: "meet",
      description: "Waits for the other call.",
      parameters: Schema.Struct({ name: Schema.String }),
      success: Schema.String,
      handle: ({ name }) =>
        Effect.gen(function* () {
          if (++running === 2) yield* Deferred.succeed(both, undefined)
          yield* Deferred.await(both)
          return name
        }),
    })
    const { layer, requests } = scripted({
      tools: [meet],
      answer: (_, n) =>
        n === 0
          ? answer(calls("a", "meet", { name: "Ada" }), calls("b", "meet", { name: "Bob" }), finish("tool-calls"))
          : answer(says("met")),
    })
    return Effect.gen(function* () {
      expect((yield* ask("x", "s")).reply).toBe("met")
      expect(shown(requests[1]!.messages.at(-1)!)).toBe("tool: result Ada | result Bob")
    }).pipe(Effect.provide(layer))
  })

  it.live("The model reads why a call failed: bad input, an unknown tool, a denied tool, or a cut answer.", () => {
    const { layer, requests } = scripted({
      tools: [add],
      answer: (_, n) =>
        [
          answer(calls("1", "add", { a: "x" }), calls("2", "no such tool!", {}), finish("tool-calls")),
          answer(calls("3", "add", { a: 1, b: 1 }), finish("length")),
          answer(says("sorry")),
          answer(calls("4", "add", { a: 1, b: 1 }), finish("tool-calls")),
          answer(says("denied")),
        ][n]!,
    })
    return Effect.gen(function* () {
      expect((yield* ask("x", "s")).reply).toBe("sorry")
      const [first, second] = [requests[1]!, requests[2]!].map(({ messages }) => shown(messages.at(-1)!))
      expect(first).toMatch(
        /error The input of "add" does not match its schema: .* \| error There is no tool "no_such_tool_"/s,
      )
      expect(second).toBe("tool: error The answer was cut at its limit, so this call did not run. Write less.")
      yield* (yield* Agents).update("main", { tools: { add: "deny" } })
      expect((yield* ask("y", "s")).reply).toBe("denied")
      expect(requests[3]!.tools).toEqual([])
      expect(shown(requests[4]!.messages.at(-1)!)).toContain('error There is no tool "add"')
    }).pipe(Effect.provide(layer))
  })

  it.live("A run with too many steps fails with the name of its option, and its work stays.", () => {
    const { layer, requests } = scripted({
      tools: [add],
      config: { runs: { steps: 3 } },
      answer: () => answer(calls("1", "add", { a: 1, b: 2 }), finish("tool-calls")),
    })
    return Effect.gen(function* () {
      expect(yield* ask("x", "s")).toMatchObject({
        state: "failed",
        error: {
          reason: "budget",
          message: "The run took more than 3 steps. Ask for less at once, or raise the option runs.steps.",
        },
      })
      expect(requests).toHaveLength(3)
      expect(yield* transcriptOf("s")).toEqual(["user: x", "tool: 3", "tool: 3", "tool: 3", "assistant: "])
      const { messages } = yield* (yield* Sessions).history("s", { limit: 1 })
      expect(messages[0]?.failed?.reason).toBe("budget")
    }).pipe(Effect.provide(layer))
  })

  it.live("A message that steers a run reaches the model after the tools of the step.", () => {
    const sent = Deferred.makeUnsafe<void>()
    const started = Deferred.makeUnsafe<void>()
    const slow = AgentTool.make({
      name: "slow",
      description: "Waits.",
      parameters: Schema.Struct({}),
      success: Schema.String,
      handle: () => Effect.as(Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(sent)), "waited"),
    })
    const { layer, requests } = scripted({
      tools: [slow],
      answer: (_, n) => (n === 0 ? answer(calls("1", "slow", {}), finish("tool-calls")) : answer(says("in French"))),
    })
    return Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* runs.accept({ text: "write", sessionKey: "s" }, principal)
      yield* Deferred.await(started)
      const second = yield* runs.accept({ text: "in French, please", sessionKey: "s", queue: "steer" }, principal)
      yield* Deferred.succeed(sent, undefined)
      expect(yield* runs.wait(first.runId, 10_000)).toMatchObject({ state: "done", reply: "in French" })
      expect(yield* runs.get(second.runId)).toMatchObject({ state: "done", takenBy: first.runId })
      expect(requests).toHaveLength(2)
      expect(requests[1]!.messages.slice(-2).map(({ role }) => role)).toEqual(["tool", "user"])
      expect(yield* transcriptOf("s")).toEqual([
        "user: write",
        "tool: waited",
        "user: in French, please",
        "assistant: in French",
      ])
    }).pipe(Effect.provide(layer))
  })

  it.live("A run with too many tokens fails with the name of its option.", () => {
    const { layer, requests } = scripted({
      tools: [add],
      config: { runs: { tokens: 2_000 } },
      answer: () => answer(calls("1", "add", { a: 1, b: 2 }), finish("tool-calls", usage(900, 10))),
    })
    return Effect.gen(function* () {
      expect(yield* ask("x", "s")).toMatchObject({
        state: "failed",
        error: { message: "The run used 2730 tokens. The option runs.tokens allows 2000." },
        usage: { inputTokens: 1_800 },
      })
      expect(requests).toHaveLength(3)
    }).pipe(Effect.provide(layer))
  })
})

describe("The fallbacks of a model", () => {
  const withFallbacks = (...fallbacks: ReadonlyArray<string>) =>
    Effect.flatMap(Agents, (agents) => agents.update("main", { fallbacks }))

  it.live("The next model answers if the first one fails before it says anything, and stays for the run.", () => {
    const { layer, requests } = scripted({
      tools: [add],
      answer: ({ model }, n) => {
        if (model === "one") return fails("rate-limit")
        return n === 1 ? answer(calls("1", "add", { a: 1, b: 1 }), finish("tool-calls")) : answer(says("two"))
      },
    })
    return Effect.gen(function* () {
      yield* withFallbacks("test/two")
      expect((yield* ask("x", "s")).reply).toBe("two")
      expect(requests.map(({ model }) => model)).toEqual(["one", "two", "two"])
    }).pipe(Effect.provide(layer))
  })

  it.live("A model that has spoken is not replaced, and its problem keeps its kind.", () => {
    const { layer, requests } = scripted({
      answer: () => Stream.concat(Stream.fromIterable(says("half a")), Stream.fail(problem("network", "cut off"))),
    })
    return Effect.gen(function* () {
      yield* withFallbacks("test/two")
      expect(yield* ask("x", "s")).toMatchObject({
        state: "failed",
        error: { reason: "runtime", kind: "network", message: "cut off" },
      })
      expect(requests).toHaveLength(1)
    }).pipe(Effect.provide(layer))
  })

  it.live("If all models fail, the first problem gives the kind, and the message names all.", () => {
    const { layer } = scripted({
      answer: ({ model }) => (model === "one" ? fails("authentication", "bad key") : fails("server", "down")),
    })
    return Effect.gen(function* () {
      yield* withFallbacks("nowhere/model", "test/two")
      const { error } = yield* ask("x", "s")
      expect(error).toMatchObject({ kind: "authentication" })
      expect(error!.message).toMatch(
        /^bad key\. The fallback "nowhere\/model" failed too: .*\. The fallback "test\/two" failed too: down$/,
      )
    }).pipe(Effect.provide(layer))
  })

  it.live("A model that refuses or thinks until its limit counts as failed.", () => {
    const { layer } = scripted({
      answer: ({ model }) =>
        model === "one" ? answer(finish("content-filter")) : answer(thinks("long"), finish("length")),
    })
    return Effect.gen(function* () {
      expect((yield* ask("x", "s")).error).toMatchObject({ kind: "refusal" })
      yield* (yield* Agents).update("main", { model: "test/two" })
      expect((yield* ask("x", "s")).error).toMatchObject({
        message: 'the model "test/two" used all tokens of its answer before it said anything: let it think less',
      })
    }).pipe(Effect.provide(layer))
  })

  it.live("A prompt that the provider finds too long is tried again with half of it, and fails in the end.", () => {
    const { layer, requests } = scripted({
      contextWindow: 100_000,
      answer: ({ messages }) => (tokensOfMessages(messages) > 3_000 ? fails("context-length") : answer(says("ok"))),
    })
    return Effect.gen(function* () {
      const texts = Array.from({ length: 10 }, (_, n) => `message ${n} ${"x".repeat(2_000)}`)
      for (const text of texts) yield* ask(text, "s")
      expect(requests.length).toBeGreaterThan(texts.length)
      expect(shown(requests.at(-1)!.messages.at(-1)!)).toContain("message 9")
      expect((yield* ask("y".repeat(20_000), "s")).error).toMatchObject({ kind: "context-length" })
    }).pipe(Effect.provide(layer))
  })
})

describe("The compaction of a conversation", () => {
  const long = "word ".repeat(400)

  const isSummaryRequest = ({ messages }: { readonly messages: ReadonlyArray<unknown> }) =>
    JSON.stringify(messages[0]).includes("You summarize a conversation")

  it.live("A long conversation is summarized before the next run, and the summary is in the transcript.", () => {
    const { layer, requests } = scripted({
      contextWindow: 6_000,
      answer: (request) => (isSummaryRequest(request) ? answer(says("They said words.")) : answer(says(long))),
    })
    return Effect.gen(function* () {
      for (let n = 0; n < 6; n++) expect((yield* ask(`message ${n}: ${long}`, "s")).state).toBe("done")
      const { messages } = yield* (yield* Sessions).history("s", { limit: 100 })
      expect(messages.find(({ summaryUpTo }) => summaryUpTo !== undefined)).toMatchObject({
        role: "system",
        text: "They said words.",
        runId: null,
      })
      expect(messages.filter(({ role }) => role === "user")).toHaveLength(6)
      const last = requests.at(-1)!
      expect(String(last.messages[0]!.content)).toContain("summarized:\nThey said words.")
      expect(shown(last.messages.at(-1)!)).toContain("message 5")
      expect(JSON.stringify(last.messages)).not.toContain("message 0")
    }).pipe(Effect.provide(layer))
  })

  it.live("A summary that fails does not fail the run: the history is cut instead.", () => {
    const logged: Array<string> = []
    const { layer, requests } = scripted({
      contextWindow: 6_000,
      onLog: (message) => logged.push(message),
      answer: (request) => (isSummaryRequest(request) ? fails("server") : answer(says(long))),
    })
    return Effect.gen(function* () {
      for (let n = 0; n < 6; n++) expect((yield* ask(`message ${n}: ${long}`, "s")).state).toBe("done")
      const last = requests.at(-1)!
      expect(shown(last.messages.at(-1)!)).toContain("message 5")
      expect(JSON.stringify(last.messages)).not.toContain("message 0")
      expect(logged.join()).toContain("Cannot summarize a conversation")
    }).pipe(Effect.provide(layer))
  })

  it.effect("A summary that does not come in time does not hold up the run.", () => {
    const asked = Deferred.makeUnsafe<void>()
    const { layer } = scripted({
      contextWindow: 6_000,
      answer: (request) =>
        isSummaryRequest(request)
          ? Stream.unwrap(Effect.as(Deferred.succeed(asked, undefined), Stream.never))
          : answer(says(long)),
    })
    return Effect.gen(function* () {
      const runs = yield* Runs
      const talk = (n: number) => Stream.runDrain(runs.stream({ text: `${n}: ${long}`, sessionKey: "s" }, principal))
      const talking = yield* Effect.forkChild(Effect.forEach([0, 1, 2, 3, 4, 5], talk))
      yield* Deferred.await(asked)
      // A second summary may be due.
      yield* TestClock.adjust("1 minute")
      while (talking.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
      expect(yield* transcriptOf("s")).toHaveLength(12)
    }).pipe(Effect.provide(layer))
  })
})
