/** Authentication in memory: its Layers, a device, and helpers that wait out the delays of failures. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { Authenticator, type Credentials, type NetworkOrigin } from "../../src/services/auth/Authenticator.ts"
import * as Database from "../../src/services/storage/Database.ts"
import { Devices } from "../../src/services/auth/Devices.ts"
import { GatewayToken } from "../../src/services/auth/GatewayToken.ts"
import { Logs } from "../../src/services/logs/Logs.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Pairings } from "../../src/services/auth/Pairings.ts"
import { StateFolder, statePaths } from "../../src/services/storage/StateFolder.ts"

export const secret = (text: string) => Redacted.make(text)

/** A log without entries that passes the secrets to hide to `hide`. */
export const emptyLog = (hide: (secret: Redacted.Redacted<string>) => void) =>
  Layer.succeed(Logs, {
    hide,
    tail: () => ({ entries: [], head: 0, truncated: false }),
    onEntry: () => Effect.void,
  })

/** A state folder that no test reads, and an empty log. */
const noFiles = Layer.mergeAll(
  Layer.succeed(StateFolder, { ...statePaths("/nowhere"), lost: Effect.never }),
  emptyLog(() => {}),
)

export const authLayer = Authenticator.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Pairings.layer, GatewayToken.layer)),
  Layer.provideMerge(Devices.layer),
  Layer.provide(noFiles),
)

/** With a token and a password that can be guessed. */
export const layer = (options: GatewayOptions = {}) =>
  layerOf({ token: "the-token", password: "the-password", ...options })

export const layerOf = (options: GatewayOptions) =>
  authLayer.pipe(
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(Database.layerMemory),
    Layer.provide(GatewayConfig.layer(options)),
    Layer.provide(Logger.layer([])),
    Layer.orDie,
  )

export const phone = {
  deviceId: "d1",
  publicKey: "key-of-d1",
  displayName: "Phone",
  platform: "ios",
  deviceFamily: null,
  clientId: "openclaw-ios",
  clientMode: "ui",
}

export const local: NetworkOrigin = { remoteAddress: "127.0.0.1", direct: true }
export const remote: NetworkOrigin = { remoteAddress: "10.0.0.7", direct: false }

export const signIn = (credentials: Partial<Credentials>, source: NetworkOrigin = local) =>
  Effect.flatMap(Authenticator, (authenticator) => authenticator.signIn({ role: "operator", ...credentials }, source))

/** What it fails with, once all that it waits for is over. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.flip(effect))
    yield* TestClock.adjust("2 seconds")
    return yield* Fiber.join(fiber)
  })

/** The events of an effect, without those of before. A commit comes after every event before it. */
export const publishedDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const events = yield* Events
    const flush = events.commit<void>(() => [undefined, []])
    yield* flush
    const subscription = yield* events.liveFeed
    yield* effect
    yield* flush
    const positioned = yield* PubSub.takeUpTo(subscription, 100)
    return positioned.map(({ event }) => event)
  }).pipe(Effect.scoped)

/** Paired from this machine; the token that it got. */
export const pairedDeviceToken = Effect.map(
  signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }),
  ({ issued }) => issued!.token,
)
