/**
 * AgentPrompt: the text that an agent gets with a message. The agent keeps its own session, so it gets only the part of the
 * history that it has not seen, and the instruction only if it is new. The functions are pure. AgentSession uses them.
 */
import { describe } from "../../../domain/Attachment.ts"
import type { Message } from "../../../domain/Message.ts"
import { shortened } from "../../../domain/Text.ts"

/** The characters of the history in a prompt. The newest messages win. */
const HISTORY_CHARS = 100_000

/** The characters of one message in the history. */
const HISTORY_MESSAGE_CHARS = 20_000

type Entry = Pick<Message, "role" | "runId" | "text" | "tool" | "attachments">

/**
 * Returns the messages that an agent's session has not seen: those after the run that it answered last. Returns `undefined`
 * if the history no longer has this run, because somebody emptied or summarised the transcript. `lastRunId` is `undefined`
 * if the session has answered nothing yet.
 */
export const unseenBy = <M extends Pick<Message, "runId">>(
  lastRunId: string | undefined,
  history: ReadonlyArray<M>,
): ReadonlyArray<M> | undefined => {
  if (lastRunId === undefined) return history
  const last = history.findLastIndex(({ runId }) => runId === lastRunId)
  return last === -1 ? undefined : history.slice(last + 1)
}

/** Returns the blocks of a prompt: what the agent has to know first, if there is something, and the message. */
export const promptOf = (parts: {
  /** Empty: none, or the agent has it already. */
  readonly instruction: string
  readonly unseen: ReadonlyArray<Entry>
  readonly text: string
}): ReadonlyArray<string> => {
  const { instruction, text, unseen } = parts
  const history = historyOf(unseen)
  const before = [
    ...(instruction === "" ? [] : [`<instructions>\n${instruction}\n</instructions>`]),
    ...(history === "" ? [] : [`<conversation-so-far>\n${history}\n</conversation-so-far>`]),
  ]
  const own = text === "" ? [] : [text]
  return before.length === 0 ? own : [before.join("\n\n"), ...own]
}

const historyOf = (messages: ReadonlyArray<Entry>): string => {
  const lines: Array<string> = []
  let chars = 0
  for (const message of messages.toReversed()) {
    const line = lineOf(message)
    chars += line.length
    if (chars > HISTORY_CHARS) {
      lines.push("(Older messages are left out.)")
      break
    }
    if (line !== "") lines.push(line)
  }
  return lines.toReversed().join("\n\n")
}

const lineOf = ({ attachments = [], role, text, tool }: Entry): string => {
  const files = attachments.map(describe)
  if (tool !== undefined)
    return [`tool ${tool.name}: ${shortened(tool.output, HISTORY_MESSAGE_CHARS)}`, ...files].join("\n")
  const said = [...files, ...(text === "" ? [] : [shortened(text, HISTORY_MESSAGE_CHARS)])]
  return said.length === 0 ? "" : `${role}: ${said.join("\n")}`
}
