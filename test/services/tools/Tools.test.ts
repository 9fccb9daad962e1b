import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as AgentTool from "../../../src/services/tools/AgentTool.ts"
import { ToolApproval } from "../../../src/services/tools/ToolApproval.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { capturedLog } from "../../support/CapturedLog.ts"
import { toolRun } from "../../support/ToolRuns.ts"

const config = GatewayConfig.layer({ tools: { timeoutMs: 1_000, outputChars: 400 } })

const registry = Tools.layer.pipe(Layer.provide(config))

const withTools = (...tools: ReadonlyArray<AgentTool.AgentTool>) =>
  Effect.provide(Tools.add(...tools).pipe(Layer.provideMerge(registry)))

const add = AgentTool.make({
  name: "add",
  description: "Adds two numbers.",
  parameters: Schema.Struct({ a: Schema.Int, b: Schema.Int }),
  success: Schema.Struct({ sum: Schema.Int }),
  handle: ({ a, b }) => Effect.succeed({ sum: a + b }),
})

const named = (name: string, handle: Effect.Effect<string, AgentTool.ToolFailed, AgentTool.CurrentToolCall>) =>
  AgentTool.make({ name, description: "", success: Schema.String, handle: () => handle })

const call = (name: string, input: unknown = {}, run = toolRun()) =>
  Effect.flatMap(Tools, (tools) => tools.call(run, name, input, "call-1"))

const names = Effect.map(Tools, (tools) => tools.all().map(({ name }) => name))

describe("Tools", () => {
  it.effect("Merged Layers keep every tool, and a tool leaves the registry with its scope.", () =>
    Effect.gen(function* () {
      const tools = yield* Tools
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* tools.add(named("two", Effect.succeed("2")))
          expect(yield* names).toEqual(["add", "two"])
        }),
      )
      expect(yield* names).toEqual(["add"])
    }).pipe(withTools(add)),
  )

  it.effect("A taken name adds none of the tools.", () =>
    Effect.gen(function* () {
      const tools = yield* Tools
      const error = yield* Effect.flip(Effect.scoped(tools.add(named("two", Effect.succeed("2")), add)))
      expect(error.message).toBe('Two tools have the name "add". Give one of them another name.')
      expect(yield* names).toEqual(["add"])
    }).pipe(withTools(add)),
  )

  it.effect("A name that model providers refuse is a defect that says so.", () =>
    Effect.gen(function* () {
      const tools = yield* Tools
      const exit = yield* Effect.exit(Effect.scoped(tools.add(named("no blanks", Effect.succeed("")))))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Use 1 to 64 letters, digits, _ and -")
    }).pipe(withTools()),
  )

  it.effect("A handler gets decoded parameters, and the model reads the result as JSON.", () =>
    Effect.gen(function* () {
      expect(yield* call("add", { a: 1, b: 2 })).toEqual({ text: '{"sum":3}', isError: false })
    }).pipe(withTools(add)),
  )

  it.effect("Input that does not match its schema never reaches the handler.", () => {
    let calls = 0
    const counted = AgentTool.make({
      name: "count",
      description: "",
      parameters: Schema.Struct({ n: Schema.Int }),
      success: Schema.String,
      handle: () => Effect.sync(() => String(++calls)),
    })
    return Effect.gen(function* () {
      for (const input of [
        undefined,
        null,
        1,
        "{}",
        [],
        {},
        { n: "1" },
        { n: 1.5 },
        JSON.parse('{"__proto__":{"n":1}}'),
      ]) {
        const result = yield* call("count", input)
        expect(result.isError).toBe(true)
        expect(result.text).toContain('The input of "count" does not match')
      }
      expect(calls).toBe(0)
    }).pipe(withTools(counted))
  })

  it.effect("A handler reads the run, the sender and the id of its call.", () =>
    Effect.gen(function* () {
      const run = toolRun({ sessionKey: "s", runId: "r", attempt: 2 })
      const result = yield* call("who", {}, run)
      expect(result.text).toBe("main s r 2 call-1 local")
    }).pipe(
      withTools(
        named(
          "who",
          Effect.map(AgentTool.CurrentToolCall, ({ agent, attempt, callId, principal, runId, sessionKey }) =>
            [agent.id, sessionKey, runId, attempt, callId, principal.id].join(" "),
          ),
        ),
      ),
    ),
  )

  it.effect("A handler takes services from the Layer that adds its tool.", () => {
    class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
    const greet = AgentTool.make({
      name: "greet",
      description: "",
      success: Schema.String,
      handle: () =>
        Effect.map(Effect.all([Greeting, AgentTool.CurrentToolCall]), ([text, { agent }]) => text + agent.id),
    })
    return Effect.gen(function* () {
      expect(yield* call("greet")).toEqual({ text: "Hello main", isError: false })
    }).pipe(
      Effect.provide(
        Tools.add(greet).pipe(Layer.provide(Layer.succeed(Greeting, "Hello ")), Layer.provideMerge(registry)),
      ),
    )
  })

  it.effect("A failure becomes a result that the model reads.", () =>
    Effect.gen(function* () {
      expect(yield* call("fail")).toEqual({ text: "No such file. List them.", isError: true })
    }).pipe(withTools(named("fail", Effect.fail(new AgentTool.ToolFailed({ message: "No such file. List them." }))))),
  )

  it.effect("A defect becomes a result without its details, and a log entry without the input.", () => {
    const log = capturedLog()
    return Effect.gen(function* () {
      const result = yield* call("die", { password: "hunter2-input" })
      expect(result.isError).toBe(true)
      expect(result.text).not.toContain("the reason")
      expect(log.text()).toContain("the reason")
      expect(log.text()).toContain("tool=die")
      expect(log.text()).not.toContain("hunter2-input")
    }).pipe(withTools(named("die", Effect.die(new Error("the reason")))), Effect.provide(log.layer))
  })

  it.effect("A handler that throws or interrupts itself becomes a failed result.", () =>
    Effect.gen(function* () {
      expect(yield* call("throw")).toMatchObject({ isError: true })
      expect(yield* call("interrupt")).toMatchObject({ isError: true })
    }).pipe(
      withTools(
        named("interrupt", Effect.interrupt),
        AgentTool.make({
          name: "throw",
          description: "",
          success: Schema.String,
          handle: () => {
            throw new Error("thrown")
          },
        }),
      ),
      Effect.provide(capturedLog().layer),
    ),
  )

  it.effect("A call that exceeds its time is interrupted and becomes a failed result.", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const slow = named(
        "slow",
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)),
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(call("slow"))
        yield* TestClock.adjust("1 second")
        expect((yield* Fiber.join(fiber)).text).toContain("did not answer within 1000 ms")
        yield* Deferred.await(interrupted)
      }).pipe(withTools(slow))
    }),
  )

  it.effect("A handler that cannot be interrupted does not hold up its run.", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(call("stuck"))
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(fiber)).isError).toBe(true)
    }).pipe(withTools(named("stuck", Effect.uninterruptible(Effect.never)))),
  )

  it.effect("An abort of the run interrupts the handler.", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const slow = named(
        "slow",
        Effect.onInterrupt(Effect.andThen(Deferred.succeed(started, undefined), Effect.never), () =>
          Deferred.succeed(interrupted, undefined),
        ),
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(call("slow"))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(interrupted)
        const exit = yield* Fiber.await(fiber)
        expect(Exit.hasInterrupts(exit)).toBe(true)
      }).pipe(withTools(slow))
    }),
  )

  it.effect("A long result is cut with a note, between characters.", () =>
    Effect.gen(function* () {
      const { text } = yield* call("long")
      expect(text).toBe(`${"a".repeat(399)}\n[The gateway cut the output here: it has 1399 characters.]`)
    }).pipe(withTools(named("long", Effect.succeed("a".repeat(399) + "😀".repeat(500))))),
  )

  it.effect("The model reads which tools exist if it names another one.", () =>
    Effect.gen(function* () {
      const result = yield* call("subtract")
      expect(result).toEqual({
        text: 'There is no tool "subtract" for this agent. The tools are: add.',
        isError: true,
      })
    }).pipe(withTools(add)),
  )
})

describe("Permissions", () => {
  const runs = (counter: { calls: number }) =>
    named(
      "act",
      Effect.sync(() => String(++counter.calls)),
    )

  it.effect("A denied tool is hidden, and a call of it does not run.", () => {
    const counter = { calls: 0 }
    return Effect.gen(function* () {
      const tools = yield* Tools
      const run = toolRun({ agent: { tools: { "a*": "deny" } } })
      expect(tools.allowed(run.agent)).toEqual([])
      expect(Object.keys((yield* tools.of(run)).tools)).toEqual([])
      expect((yield* call("act", {}, run)).text).toContain("There is no tool")
      expect(counter.calls).toBe(0)
    }).pipe(withTools(runs(counter)))
  })

  it.effect("A tool that needs an approval does not run where nobody can give one.", () => {
    const counter = { calls: 0 }
    return Effect.gen(function* () {
      const result = yield* call("act", {}, toolRun({ agent: { tools: { act: "ask" } } }))
      expect(result.isError).toBe(true)
      expect(result.text).toContain("needs an approval")
      expect(counter.calls).toBe(0)
    }).pipe(withTools(runs(counter)))
  })

  it.effect("An approver sees the call and decides it, without a share of the tool's time.", () => {
    const counter = { calls: 0 }
    const asked: Array<unknown> = []
    const approval = Layer.succeed(ToolApproval, {
      approve: ({ callId, input, tool }) =>
        Effect.andThen(
          Effect.sync(() => asked.push({ callId, input, tool })),
          Effect.sleep("1 hour"),
        ),
    })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(call("act", { a: 1 }, toolRun({ agent: { tools: { "*": "ask" } } })))
      yield* TestClock.adjust("1 hour")
      expect(yield* Fiber.join(fiber)).toEqual({ text: "1", isError: false })
      expect(asked).toEqual([{ callId: "call-1", input: '{"a":1}', tool: "act" }])
    }).pipe(
      Effect.provide(Tools.add(runs(counter)).pipe(Layer.provideMerge(Tools.layer), Layer.provide([config, approval]))),
    )
  })

  it.effect(
    "A call runs with the input that the approver has seen, even if the caller changes its object meanwhile.",
    () => {
      const ran: Array<unknown> = []
      const input = { path: "harmless" }
      const act: AgentTool.AgentTool = {
        name: "act",
        description: "",
        source: "test",
        permission: "ask",
        parameters: () => ({ type: "object" }),
        run: (input) => Effect.sync(() => `${ran.push(input)}`),
      }
      const approval = Layer.succeed(ToolApproval, {
        approve: () => Effect.sync(() => void (input.path = "/etc/passwd")),
      })
      return Effect.gen(function* () {
        expect((yield* call("act", input)).isError).toBe(false)
        expect(ran).toEqual([{ path: "harmless" }])
      }).pipe(Effect.provide(Tools.add(act).pipe(Layer.provideMerge(Tools.layer), Layer.provide([config, approval]))))
    },
  )
})

describe("Toolkit", () => {
  it.effect("A model gets each tool with its JSON Schema, and its calls run in the registry.", () =>
    Effect.gen(function* () {
      const toolkit = yield* Effect.flatMap(Tools, (tools) => tools.of(toolRun()))
      expect(Object.keys(toolkit.tools)).toEqual(["add", "now"])
      expect(Tool.getJsonSchema(toolkit.tools["add"]!)).toMatchObject({ type: "object", required: ["a", "b"] })
      expect(Tool.getJsonSchema(toolkit.tools["now"]!)).toMatchObject({ type: "object", properties: {} })
      const results = yield* Stream.runCollect(yield* toolkit.handle("add", { a: 1, b: 2 }, "c"))
      expect(results).toEqual([
        { result: '{"sum":3}', encodedResult: '{"sum":3}', isFailure: false, preliminary: false },
      ])
      const failed = yield* Stream.runCollect(yield* toolkit.handle("nothing", {}, "c"))
      expect(failed[0]?.isFailure).toBe(true)
    }).pipe(withTools(add, named("now", Effect.succeed("now")))),
  )
})
