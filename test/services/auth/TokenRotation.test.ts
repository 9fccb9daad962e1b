import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Principal } from "../../../src/domain/Principal.ts"
import { GatewayToken } from "../../../src/services/auth/GatewayToken.ts"
import type { Secret } from "../../../src/services/auth/Secret.ts"
import * as TokenRotation from "../../../src/services/auth/TokenRotation.ts"
import { connectionOfEachKind, secret } from "../../support/Authentication.ts"
import { capturedLog } from "../../support/CapturedLog.ts"

describe("TokenRotation", () => {
  it.effect(
    "A new token closes the connections that the old token opened, and no others. It leaves a line in the log, without the token.",
    () =>
      Effect.gen(function* () {
        const log = capturedLog()
        const changes = yield* PubSub.unbounded<Secret>()
        const closed = yield* Deferred.make<ReadonlyArray<Principal["kind"]>>()
        const token = Layer.succeed(GatewayToken, {
          current: () => secret("new"),
          changes: Stream.fromPubSub(changes),
          replace: () => {},
        })
        const connections = connectionOfEachKind((kinds) => Deferred.doneUnsafe(closed, Effect.succeed(kinds)))
        yield* Layer.build(TokenRotation.layer.pipe(Layer.provide([token, connections, log.layer])))
        yield* PubSub.publish(changes, secret("new"))
        expect(yield* Deferred.await(closed)).toEqual(["token"])
        expect(log.text()).toContain("the token was changed")
        expect(log.text()).not.toContain("new")
      }),
  )
})
