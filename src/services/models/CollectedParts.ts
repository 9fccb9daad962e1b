/**
 * CollectedParts: turns the parts of a stream into those of a whole answer. ChatModel uses it for `generateText`.
 */
import type * as Response from "effect/ai/Response"

interface Open {
  type: "text" | "reasoning"
  text: string
  metadata: Response.PartEncoded["metadata"]
}

/** Returns texts and thoughts as one part each, and the other parts as they are. */
export const collect = (parts: ReadonlyArray<Response.StreamPartEncoded>): Array<Response.PartEncoded> => {
  const open = new Map<string, Open>()
  const whole: Array<Response.PartEncoded> = []
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        open.set(part.id, {
          type: part.type === "text-start" ? "text" : "reasoning",
          text: "",
          metadata: part.metadata,
        })
        break
      case "text-delta":
      case "reasoning-delta": {
        const started = open.get(part.id)
        if (started !== undefined) started.text += part.delta
        break
      }
      case "text-end":
      case "reasoning-end": {
        const started = open.get(part.id)
        if (started === undefined) break
        const metadata = { ...started.metadata, ...part.metadata }
        whole.push({ type: started.type, text: started.text, metadata })
        open.delete(part.id)
        break
      }
      case "tool-call":
      case "finish":
        whole.push(part)
        break
    }
  }
  return whole
}
