/**
 * Tests our client of OpenClaw gateways against the reference gateway: it signs in, reads, follows changes, pairs a device,
 * returns with the device's token, says why it is refused, and comes back after a restart.
 */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { OpenClawGateway, OpenClawOptions } from "../../src/openclaw-client.ts"
import { home } from "../acceptance/Installation.ts"
import { type Check, sayCheck } from "../acceptance/Report.ts"
import type { Installed } from "./Installations.ts"
import { make, operator, type ReferenceGateway } from "./ReferenceGateway.ts"

/** The time of one step. The reference gateway starts in about ten seconds. */
const STEP_MS = 120_000

/** Waits for the first payload of `sessions.changed` that names the key. */
const sessionChange = (gateway: OpenClawGateway, key: string): Promise<void> =>
  new Promise((resume) => {
    const stop = gateway.on("sessions.changed", ({ sessionKey }) => {
      if (sessionKey !== key) return
      stop()
      resume()
    })
  })

const expected = (isTrue: boolean, problem: string): void => {
  if (!isTrue) throw new Error(problem)
}

export const operatorClient = (installed: Installed) =>
  Effect.flatMap(make(installed), (reference) => Effect.promise(() => test(reference)))

const test = async (reference: ReferenceGateway): Promise<ReadonlyArray<Check>> => {
  const deviceFile = join(home(), "device.json")
  const open = (options?: Partial<OpenClawOptions>) => operator(reference, options)
  const step = async (name: string, act: () => Promise<void>): Promise<Check> => {
    const signal = AbortSignal.timeout(STEP_MS)
    const late = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
    const problem = await Promise.race([act(), late]).then(
      () => undefined,
      (error: unknown) => `${String(error)}\n${reference.output}`,
    )
    const check = { name: `client: ${name}`, problem }
    sayCheck(check)
    return check
  }
  const gateway = open()
  try {
    reference.start()
    return [
      await step("waits for the start and connects with protocol 4", async () => {
        await gateway.connected()
        const states: Array<unknown> = []
        gateway.onState((state) => states.push(state))
        expected(JSON.stringify(states).includes('"protocol":4'), JSON.stringify(states).slice(0, 500))
      }),
      await step("lists agents, sessions, models and presence", async () => {
        const { agents } = await gateway.call("agents.list")
        expected(agents.length > 0, "no agents")
        await gateway.call("sessions.list", { limit: 10 })
        await gateway.call("models.list")
        await gateway.call("system-presence")
        await gateway.call("health")
      }),
      await step("follows a change of a session", async () => {
        await gateway.call("sessions.subscribe")
        const { key } = await gateway.call("sessions.create", { label: "from the client" })
        const changed = sessionChange(gateway, key)
        await gateway.call("sessions.patch", { key, label: "changed" })
        await changed
        const { session } = await gateway.call("sessions.describe", { key })
        expected(session?.label === "changed", JSON.stringify(session))
        const { messages } = await gateway.call("chat.history", { sessionKey: key })
        expected(messages.length === 0, "messages in a new session")
      }),
      await step("reports an unknown method and a missing scope", async () => {
        const unknown = await gateway.request("no.such.method").catch(String)
        expected(String(unknown).includes("unknown method"), String(unknown))
        const reader = open({ scopes: ["operator.read"] })
        await reader.connected()
        const missing = await reader.call("sessions.create").catch(String)
        expected(String(missing).includes("operator."), String(missing))
        await reader.close()
      }),
      await step("pairs a device and returns with its token alone", async () => {
        // The reference gateway gives no device token to a backend on its own machine.
        const client = { id: "cli", mode: "cli" }
        const pairing = open({ deviceFile, client })
        await pairing.connected()
        await pairing.close()
        const paired = open({ deviceFile, client, token: undefined })
        await paired.connected()
        await paired.call("agents.list")
        await paired.close()
      }),
      await step("says why a wrong token is refused", async () => {
        const stranger = open({ token: "not-the-token" })
        const refusal = await stranger.connected().then(() => "accepted", String)
        expected(refusal.includes("set the gateway's token"), refusal)
        await stranger.close()
      }),
      await step("comes back after a restart, with its subscription", async () => {
        const joined = (async () => {
          let count = 0
          for await (const item of gateway.events()) if (item._tag === "Joined" && ++count === 2) return item.reset
          return undefined
        })()
        await reference.stop()
        reference.start()
        expected((await joined) === "connected", "no reset")
        const { key } = await gateway.call("sessions.create", { label: "after the restart" })
        const changed = sessionChange(gateway, key)
        await gateway.call("sessions.patch", { key, label: "changed again" })
        await changed
      }),
    ]
  } finally {
    await gateway.close()
  }
}
