/**
 * BindingHandlers: implements the methods `bindings.*` on the service Bindings.
 */
import * as Effect from "effect/Effect"
import { BindingRpcs } from "../../domain/Binding.ts"
import { Bindings } from "../agents/Bindings.ts"

export const BindingHandlers = BindingRpcs.toLayer(
  Effect.gen(function* () {
    const bindings = yield* Bindings
    return BindingRpcs.of({
      "bindings.list": () => Effect.sync(() => ({ bindings: bindings.all() })),
      "bindings.set": (binding) => bindings.set(binding),
      "bindings.remove": (binding) => Effect.map(bindings.remove(binding), (removed) => ({ removed })),
    })
  }),
)
