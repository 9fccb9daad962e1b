/**
 * Anthropic: the kind `anthropic`, for every server with Anthropic's `/v1/messages`. It loads its code at the first use.
 * Gateway.ts adds it.
 */
import * as Effect from "effect/Effect"
import type { ProviderKind } from "../ModelProvider.ts"
import { ProviderKinds } from "../ProviderKinds.ts"

export const anthropic: ProviderKind = {
  name: "anthropic",
  make: (provider) =>
    Effect.flatMap(
      Effect.promise(() => import("./AnthropicProvider.ts")),
      ({ make }) => make(provider),
    ),
}

export const layer = ProviderKinds.add(anthropic)
