import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { StorageUnavailable } from "../../../src/domain/Storage.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as StorageRetry from "../../../src/services/runs/StorageRetry.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Storage } from "../../../src/services/storage/Storage.ts"

describe("StorageRetry", () => {
  it.effect("A read of a turn waits until storage works.", () => {
    let works = false
    const failing = Layer.effect(
      Storage,
      Effect.map(Storage, (storage) =>
        Storage.of({
          ...storage,
          read: (look) =>
            Effect.suspend(() => (works ? storage.read(look) : new StorageUnavailable({ detail: "disk full" }))),
        }),
      ),
    )
    return Effect.gen(function* () {
      const storage = yield* StorageRetry.make
      const reading = yield* Effect.forkChild(storage.read(Effect.succeed("text")))
      yield* TestClock.adjust("1 minute")
      expect(reading.pollUnsafe()).toBeUndefined()
      works = true
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(reading)).toBe("text")
    }).pipe(
      Effect.provide(
        Events.layer.pipe(
          Layer.provide(failing),
          Layer.provide(Database.layerMemory),
          Layer.provide(GatewayConfig.layer({})),
        ),
      ),
    )
  })
})
