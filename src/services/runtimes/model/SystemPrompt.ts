/**
 * The system message of a run: the agent's instruction, the date, the channel and the sender, the agent's documents and
 * the summary of the earlier conversation. It is pure. ModelRun.ts uses it.
 */
import { type Agent, systemPrompt } from "../../../domain/Agent.ts"
import type { DocumentContent } from "../../../domain/Memory.ts"
import { cut } from "../../../domain/Text.ts"
import type { Turn } from "../../agents/AgentRuntime.ts"

export interface SystemPromptFacts extends Pick<Turn, "channel" | "peerId" | "principal"> {
  readonly agent: Pick<Agent, "name" | "personality">
  /** Milliseconds since 1970. */
  readonly now: number
  readonly documents: ReadonlyArray<Pick<DocumentContent, "id" | "content">>
  readonly summary: string | undefined
  /** The characters that all documents may have together, and those that the summary may have. */
  readonly documentChars: number
  readonly summaryChars: number
}

/** Returns the day and not the time: providers cache prompts whose beginning stays the same. */
const dateSentence = (now: number): string => {
  const date = new Date(now)
  const weekday = date.toLocaleDateString("en-US", { weekday: "long", timeZone: "UTC" })
  return `Today is ${weekday}, ${date.toISOString().slice(0, 10)} (UTC).`
}

/** Names come from clients, so they are quoted and stay on one line. */
const quoted = (name: string): string => JSON.stringify(cut(name, 200))

const senderSentence = ({ channel, peerId, principal }: SystemPromptFacts): string => {
  const on = channel === null ? "" : ` on the channel ${quoted(channel)}`
  return `You talk with ${quoted(peerId ?? principal.id)}${on}.`
}

/** Returns the documents with at most `max` characters of content together. The first ones come first. */
const documentSection = (documents: SystemPromptFacts["documents"], max: number): ReadonlyArray<string> => {
  let left = max
  return documents.map(({ content, id }) => {
    const shown = cut(content, left)
    left -= shown.length
    const note = shown.length < content.length ? "\n[The rest of the document is left out.]" : ""
    return `<document id=${quoted(id)}>\n${shown}${note}\n</document>`
  })
}

export const systemMessageOf = (facts: SystemPromptFacts): string =>
  [
    systemPrompt(facts.agent),
    `${dateSentence(facts.now)} ${senderSentence(facts)}`,
    ...documentSection(facts.documents, facts.documentChars),
    ...(facts.summary === undefined
      ? []
      : [`The earlier part of this conversation, summarized:\n${cut(facts.summary, facts.summaryChars)}`]),
  ].join("\n\n")
