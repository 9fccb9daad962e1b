/** Authentication for tests: its Layers, a device, connections, and helpers that wait for delayed failures. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { localPrincipal, type Principal } from "../../src/domain/Principal.ts"
import { Authenticator, type Credentials, type NetworkOrigin } from "../../src/services/auth/Authenticator.ts"
import { Devices } from "../../src/services/auth/Devices.ts"
import { GatewayToken } from "../../src/services/auth/GatewayToken.ts"
import { Connections } from "../../src/services/connections/Connections.ts"
import { Logs } from "../../src/services/logs/Logs.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Pairings } from "../../src/services/auth/Pairings.ts"
import { StateFolder, statePaths } from "../../src/services/storage/StateFolder.ts"
import * as TestDatabase from "./TestDatabase.ts"
import { tick } from "./Ticks.ts"

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

/** The services of authentication, which still need storage, events and a configuration. */
export const authLayer = Authenticator.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Pairings.layer, GatewayToken.layer)),
  Layer.provideMerge(Devices.layer),
  Layer.provide(noFiles),
)

/** Authentication with a token and a password that a program could guess. */
export const layer = (options: GatewayOptions = {}) =>
  layerOf({ token: "the-token", password: "the-password", ...options })

/** Authentication with these options only. */
export const layerOf = (options: GatewayOptions) =>
  authLayer.pipe(
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(TestDatabase.layer),
    Layer.provide(GatewayConfig.layer(options)),
    Layer.provide(Logger.layer([])),
    Layer.orDie,
  )

const kinds = ["token", "password", "device", "none", "local"] as const

/** A connection for each kind of principal. `onRevoked` receives the kinds of those that a change closes. */
export const connectionOfEachKind = (onRevoked: (kinds: ReadonlyArray<Principal["kind"]>) => void) =>
  Layer.mock(Connections)({
    size: () => 0,
    identityOf: () => undefined,
    list: () => [],
    presence: () => [],
    closeRevoked: (isRevoked) => onRevoked(kinds.filter((kind) => isRevoked({ ...localPrincipal, kind }, "c1"))),
  })

/** A device that has proved its key. */
export const phone = {
  deviceId: "d1",
  publicKey: "key-of-d1",
  displayName: "Phone",
  platform: "ios",
  deviceFamily: null,
  clientId: "openclaw-ios",
  clientMode: "ui",
}

/** A client on this machine. */
export const local: NetworkOrigin = { remoteAddress: "127.0.0.1", direct: true }
/** A client on another machine. */
export const remote: NetworkOrigin = { remoteAddress: "10.0.0.7", direct: false }

export const signIn = (credentials: Partial<Credentials>, origin: NetworkOrigin = local) =>
  Effect.flatMap(Authenticator, (authenticator) => authenticator.signIn({ role: "operator", ...credentials }, origin))

/** Returns the error of an effect after the delay of failures. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.flip(effect))
    yield* TestClock.adjust("2 seconds")
    // PostgreSQL answers after the adjustment, and the delay starts then.
    while (fiber.pollUnsafe() === undefined) {
      yield* tick
      yield* TestClock.adjust("2 seconds")
    }
    return yield* Fiber.join(fiber)
  })

/** Returns the events that an effect publishes. The commits before and after it flush the other events. */
export const publishedDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const events = yield* Events
    const flush = events.commit(Effect.succeed([undefined, []]))
    yield* flush
    const subscription = yield* events.liveFeed
    yield* effect
    yield* flush
    const positioned = yield* PubSub.takeUpTo(subscription, 100)
    return positioned.map(({ event }) => event)
  }).pipe(Effect.scoped)

/** Pairs the phone from this machine with `operator.read`, and returns its token. */
export const pairedDeviceToken = Effect.map(
  signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }),
  ({ issued }) => issued!.token,
)
