/**
 * AiSdk: the kind `ai-sdk`, for providers whose package implements the AI SDK's interface, such as `@ai-sdk/google`. Users
 * install the package; the kind loads it at the first use. Gateway.ts adds it.
 */
import * as Effect from "effect/Effect"
import type { ProviderKind } from "../ModelProvider.ts"
import { ProviderKinds } from "../ProviderKinds.ts"

export const aiSdk: ProviderKind = {
  name: "ai-sdk",
  make: (provider) =>
    Effect.flatMap(
      Effect.promise(() => import("./AiSdkProvider.ts")),
      ({ make }) => make(provider, process.cwd()),
    ),
}

export const layer = ProviderKinds.add(aiSdk)
