/**
 * Tests our client of OpenClaw gateways against the reference gateway: it signs in, reads, follows changes, pairs a device,
 * returns with the device's token, says why it is refused, and comes back after a restart.
 */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { OpenClawGateway, OpenClawOptions } from "../../src/openclaw-client.ts"
import * as Checks from "../acceptance/Checks.ts"
import { home } from "../acceptance/Installation.ts"
import type { Installed } from "./Installations.ts"
import { make, operator } from "./ReferenceGateway.ts"

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

export const operatorClient = Effect.fnUntraced(function* (installed: Installed) {
  const reference = yield* make(installed)
  const deviceFile = join(home(), "device.json")
  const open = (options?: Partial<OpenClawOptions>) => operator(reference, options)
  const { check, checks } = Checks.make()
  const step = (name: string, act: () => Promise<void>) => {
    const failed = (error: unknown) => new Error(`${String(error)}\n${reference.output}`)
    return check(`client: ${name}`, Effect.tryPromise({ try: act, catch: failed }))
  }
  const gateway = yield* Effect.acquireRelease(Effect.sync(open), (gateway) => Effect.promise(() => gateway.close()))
  reference.start()
  yield* step("waits for the start and connects with protocol 4", async () => {
    await gateway.connected()
    const states: Array<unknown> = []
    gateway.onState((state) => states.push(state))
    expected(JSON.stringify(states).includes('"protocol":4'), JSON.stringify(states).slice(0, 500))
  })
  yield* step("lists agents, sessions, models and presence", async () => {
    const { agents } = await gateway.call("agents.list")
    expected(agents.length > 0, "no agents")
    await gateway.call("sessions.list", { limit: 10 })
    await gateway.call("models.list")
    await gateway.call("system-presence")
    await gateway.call("health")
  })
  yield* step("follows a change of a session", async () => {
    await gateway.call("sessions.subscribe")
    const { key } = await gateway.call("sessions.create", { label: "from the client" })
    const changed = sessionChange(gateway, key)
    await gateway.call("sessions.patch", { key, label: "changed" })
    await changed
    const { session } = await gateway.call("sessions.describe", { key })
    expected(session?.label === "changed", JSON.stringify(session))
    const { messages } = await gateway.call("chat.history", { sessionKey: key })
    expected(messages.length === 0, "messages in a new session")
  })
  yield* step("reports an unknown method and a missing scope", async () => {
    const unknown = await gateway.request("no.such.method").catch(String)
    expected(String(unknown).includes("unknown method"), String(unknown))
    const reader = open({ scopes: ["operator.read"] })
    await reader.connected()
    const missing = await reader.call("sessions.create").catch(String)
    expected(String(missing).includes("operator."), String(missing))
    await reader.close()
  })
  yield* step("pairs a device and returns with its token alone", async () => {
    // The reference gateway gives no device token to a backend on its own machine.
    const client = { id: "cli", mode: "cli" }
    const pairing = open({ deviceFile, client })
    await pairing.connected()
    await pairing.close()
    const paired = open({ deviceFile, client, token: undefined })
    await paired.connected()
    await paired.call("agents.list")
    await paired.close()
  })
  yield* step("says why a wrong token is refused", async () => {
    const stranger = open({ token: "not-the-token" })
    const refusal = await stranger.connected().then(() => "accepted", String)
    expected(refusal.includes("set the gateway's token"), refusal)
    await stranger.close()
  })
  yield* step("comes back after a restart, with its subscription", async () => {
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
  })
  return checks
})
