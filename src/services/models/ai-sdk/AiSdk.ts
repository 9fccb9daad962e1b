/**
 * AiSdk: the kind `ai-sdk`, for providers whose package implements the AI SDK's interface, such as `@ai-sdk/google`. Users
 * install the package; the kind loads it at the first use. Gateway.ts adds it.
 */
import { ProviderKinds } from "../ProviderKinds.ts"

export const layer = ProviderKinds.addLazy("ai-sdk", () => import("./AiSdkProvider.ts"))
