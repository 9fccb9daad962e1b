/**
 * Tests approvals with OpenClaw's clients: a real call of a tool waits, and its Control UI, its command line and its terminal
 * UI decide it.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as Checks from "../acceptance/Checks.ts"
import { openclawCommand } from "./CommandLine.ts"
import { openPage, sendFrom, signIn } from "./ControlUi.ts"
import { calling, withModel } from "./Gateways.ts"
import type { Installed } from "./Installations.ts"
import { openTerminal } from "./Terminal.ts"

const { contains, equals } = Checks

const DENIED = "an operator denied it"

const Waiting = Schema.Struct({
  approvals: Schema.Array(Schema.Struct({ id: Schema.String, input: Schema.String })),
})

export const approvals = Effect.fnUntraced(function* (current: Installed, old: Installed) {
  const { callsFile, gateway } = yield* withModel
  const { check, checks } = Checks.make()
  const run = openclawCommand(current, gateway)

  /** The message that makes the model call the tool, and the call as operators see it. */
  const message = (name: string) => `outside_echo {"text":"<b>${name}</b>"}`
  const callsOf = (name: string) =>
    readFileSync(callsFile, "utf8")
      .split("\n")
      .filter((line) => line.includes(`>${name}<`)).length
  const ranOnce = (name: string) => Effect.suspend(() => equals(callsOf(name), 1))
  const neverRan = (name: string) => Effect.suspend(() => equals(callsOf(name), 0))

  const waiting = calling(gateway, "approvals.list", Waiting)

  /** Waits until the call waits, and returns the id of its approval. */
  const waitingId = (name: string) => {
    const find = async () => (await waiting()).approvals.find(({ input }) => input.includes(name))
    return Effect.map(
      Checks.until(find, (found) => found !== undefined),
      (found) => found?.id ?? "",
    )
  }

  yield* Effect.scoped(
    Effect.gen(function* () {
      const using = yield* openPage
      const asks = async (page: Parameters<typeof sendFrom>[0], name: string) => {
        await sendFrom(page, message(name))
        const overlay = page.locator(".exec-approval-card")
        await overlay.waitFor()
        return overlay
      }
      yield* using(signIn(gateway))
      yield* check(
        "Control UI: shows exactly the call that will run, and nothing runs before",
        Effect.gen(function* () {
          const shown = yield* using(async (page) => (await asks(page, "overlay")).innerText())
          yield* contains(shown, message("overlay"))
          yield* neverRan("overlay")
        }),
      )
      yield* check(
        "Control UI: a click allows the call once, and closes the overlay",
        Effect.gen(function* () {
          yield* using(async (page) => {
            await page.getByText("Allow once").click()
            await page.getByText(`{"text":"<b>overlay</b>"}`, { exact: true }).first().waitFor()
            await page.locator(".exec-approval-card").waitFor({ state: "detached" })
          })
          yield* ranOnce("overlay")
        }),
      )
      yield* check(
        "Control UI: a click denies the call",
        Effect.gen(function* () {
          yield* using(async (page) => {
            const overlay = await asks(page, "denied")
            await overlay.getByText("Deny").click()
            await page.getByText(DENIED).first().waitFor()
            await overlay.waitFor({ state: "detached" })
          })
          yield* neverRan("denied")
        }),
      )
      yield* check(
        "Control UI: a link to the request decides it, and the overlay of another page closes",
        Effect.gen(function* () {
          const linked = yield* openPage
          yield* using((page) => asks(page, "linked"))
          const id = yield* waitingId("linked")
          yield* linked(async (page) => {
            await page.goto(`${gateway.url}/approve/${id}#token=${gateway.token}`)
            await page.getByText(message("linked")).waitFor()
            await page.getByText("Allow once").click()
            await page.getByText("Approved here").first().waitFor()
          })
          yield* using((page) => page.locator(".exec-approval-card").waitFor({ state: "detached" }))
          yield* using((page) => page.getByText(`{"text":"<b>linked</b>"}`, { exact: true }).first().waitFor())
          yield* ranOnce("linked")
        }),
      )
      yield* check(
        "Control UI: lists the decisions",
        using(async (page) => {
          await page.goto(`${gateway.url}/settings/approvals`)
          await page.getByText(message("denied")).waitFor()
          await page.getByText("Denied · Deny").waitFor()
        }),
      )
    }),
  )

  const decidedBy = (name: string, decision: string) =>
    Effect.gen(function* () {
      const sending = yield* gateway.open("send", message(name), "--session", name)
      const id = yield* waitingId(name)
      yield* contains(yield* run("approvals", "pending"), message(name))
      yield* contains(yield* run("approvals", "resolve", id, decision), `resolved ${decision}`)
      const { stdout } = yield* sending.exit
      return { id, stdout }
    })
  yield* check(
    "openclaw approvals: lists the call and allows it once",
    Effect.scoped(
      Effect.gen(function* () {
        const { id, stdout } = yield* decidedBy("command", "allow-once")
        yield* contains(stdout, `{"text":"<b>command</b>"}`)
        yield* ranOnce("command")
        yield* contains(yield* run("approvals", "resolve", id, "deny"), "was already resolved with allow-once")
        yield* contains(yield* run("approvals", "pending"), "No pending approvals")
      }),
    ),
  )
  yield* check(
    "openclaw approvals: denies the call",
    Effect.scoped(
      Effect.gen(function* () {
        yield* contains((yield* decidedBy("refused", "deny")).stdout, DENIED)
        yield* neverRan("refused")
      }),
    ),
  )

  for (const installed of [current, old]) {
    const name = `tui-${installed.version}`
    yield* check(
      `openclaw tui ${installed.version}: shows exactly the call that will run, and /approve allows it once`,
      Effect.scoped(
        Effect.gen(function* () {
          const { shows, type } = yield* openTerminal(installed, gateway)
          type(`${message(name)}\r`)
          const id = yield* waitingId(name)
          yield* shows(`Waits for an operator: ${message(name)}`)
          yield* shows(`/approve ${id} allow-once | allow-always | deny`)
          type(`/approve ${id} allow-once\r`)
          yield* shows(`Decided allow-once: outside_echo`)
          // The reply of the model is the result of the tool.
          yield* shows(new RegExp(`(?<!outside_echo ){"text":"<b>${name}</b>"}`))
          yield* ranOnce(name)
        }),
      ),
    )
  }
  yield* check(
    `openclaw tui: its overlay decides the request of a plugin`,
    Effect.scoped(
      Effect.gen(function* () {
        const { shows, type } = yield* openTerminal(current, gateway)
        const request = {
          title: "Buy tickets",
          description: "Two seats",
          sessionKey: "agent:main:main",
          agentId: "main",
        }
        const requested = yield* Effect.forkChild(
          run(
            "gateway",
            "call",
            "plugin.approval.request",
            "--json",
            "--timeout",
            "120000",
            "--params",
            JSON.stringify(request),
          ),
        )
        yield* shows("plugin approval: Buy tickets")
        yield* shows("Request: Two seats")
        // The selection begins at the last row, which denies.
        type("\u001b[A")
        type("\u001b[A")
        type("\r")
        yield* shows("allowed once")
        yield* contains(yield* Fiber.join(requested), `"decision": "allow-once"`)
      }),
    ),
  )
  return checks
})
