/**
 * Anthropic: the kind `anthropic`, for every server with Anthropic's `/v1/messages`. It loads its code at the first use.
 * Gateway.ts adds it.
 */
import { ProviderKinds } from "../ProviderKinds.ts"

export const layer = ProviderKinds.addLazy("anthropic", () => import("./AnthropicProvider.ts"))
