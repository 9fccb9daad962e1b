/** `causeway sessions compact`, and OpenClaw's `sessions.compact`, with a model that makes summaries. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as FakeProvider from "../../support/FakeProvider.ts"
import { enter } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const gateway = Layer.unwrap(
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    fake.script("writer", async (answer, { body }) => {
      const isSummary = JSON.stringify(body).includes("ummar")
      if (isSummary && JSON.stringify(body).includes("secret")) {
        return answer.fail({ status: 400, message: "Your credit balance is too low to access the Anthropic API" })
      }
      await answer.text(isSummary ? "They said hello." : "Hello!")
      return answer.end()
    })
    return TestGateway.layer({
      model: "fake/writer",
      providers: { fake: { kind: "anthropic", baseUrl: fake.baseUrl.anthropic, apiKey: "sk-test-key" } },
    })
  }),
)

layer(gateway, { excludeTestServices: true })("causeway sessions compact", (it) => {
  it.effect("The command prints the summary, and says if there is nothing to summarize.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "work", "hello")
      expect((yield* cli("sessions", "compact", "work")).stdout).toBe(
        "The agent of the session work now sees this summary:\nThey said hello.\n",
      )
      const again = yield* cli("sessions", "compact", "work")
      expect(again.stdout).toBe("Nothing to summarize: the session work has no message since its last summary.\n")
      expect(json(yield* cli("sessions", "compact", "work", "--json"))).toEqual({ summary: null })
    }),
  )

  it.effect("The command names the model's problem.", () =>
    Effect.gen(function* () {
      yield* cli("send", "--session", "poor", "a secret")
      const { code, line } = failure(yield* cli("sessions", "compact", "poor"))
      expect(code).toBe(1)
      expect(line).toMatch(/^causeway: provider "fake" .*credit/)
    }),
  )

  it.effect("OpenClaw's method returns the summary, or the reason why the conversation stays as it is.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      const compact = (params: object) => client.ask("sessions.compact", params)
      yield* cli("send", "--session", "claw", "hello")
      expect((yield* compact({ key: "claw" })).payload).toEqual({
        ok: true,
        key: "claw",
        compacted: true,
        result: { summary: "They said hello." },
      })
      expect((yield* compact({ key: "claw" })).payload).toMatchObject({ ok: true, compacted: false })
      expect((yield* compact({ key: "nobody" })).payload).toMatchObject({ compacted: false, reason: "no transcript" })
      yield* cli("send", "--session", "claw-poor", "a secret")
      expect((yield* compact({ key: "claw-poor" })).payload).toMatchObject({
        ok: false,
        compacted: false,
        reason: expect.stringMatching(/credit/),
      })
      expect(yield* compact({ key: "claw", maxLines: 4 })).toMatchObject({
        ok: false,
        error: { code: "INVALID_REQUEST" },
      })
    }),
  )
})
