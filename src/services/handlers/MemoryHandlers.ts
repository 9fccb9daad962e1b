/**
 * MemoryHandlers: implements the methods `memory.*` on the service Memory.
 */
import * as Effect from "effect/Effect"
import { MemoryRpcs } from "../../domain/Memory.ts"
import { Memory } from "../memory/Memory.ts"

export const MemoryHandlers = MemoryRpcs.toLayer(
  Effect.gen(function* () {
    const memory = yield* Memory
    return MemoryRpcs.of({
      "memory.list": () => Effect.map(memory.list, (documents) => ({ documents })),
      "memory.read": ({ id }) => memory.read(id),
      "memory.write": ({ id, content, create }) => memory.write(id, content, { create }),
    })
  }),
)
