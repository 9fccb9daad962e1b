/** Conformance of the stop: every client learns from the close that it may come back. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestGateway from "../support/TestGateway.ts"
import { open } from "./Client.ts"
import type { Driver } from "./Driver.ts"

export const shutdown = (driver: Driver): void => {
  describe(`${driver.name}: shutdown`, () => {
    it.live("The stop closes idle, calling and subscribed clients with 1012 and the reason.", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(TestGateway.layer(driver.gateway), scope)
        const clients = yield* Effect.all([open(driver), open(driver), open(driver)]).pipe(
          Effect.provideContext(context),
        )
        yield* clients[0].ask(driver.ping)
        yield* clients[1].subscribe()
        yield* Scope.close(scope, Exit.void)
        for (const client of clients) expect(yield* client.socket.closed).toEqual(driver.closes.restart)
      }),
    )
  })
}
