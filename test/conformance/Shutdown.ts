/** Going down: clients hear of it, and learn from the close that they may come back. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { open } from "./Talk.ts"

export const shutdown = (driver: Driver): void => {
  describe(`${driver.name}: shutdown`, () => {
    it.live("closes every connection with 1012 and a reason, known or not, whatever it was doing", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(TestGateway.layer(driver.gateway), scope)
        const talks = yield* Effect.all([open(driver), open(driver), open(driver)]).pipe(Effect.provideContext(context))
        yield* talks[0].ask(driver.ping)
        yield* talks[1].follow()
        yield* Scope.close(scope, Exit.void)
        for (const talk of talks) {
          expect(yield* talk.socket.closed).toEqual({ code: 1012, reason: "the gateway is restarting" })
        }
      }),
    )
  })
}
