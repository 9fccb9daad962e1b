/**
 * Views: converts sessions, messages, log entries and documents of the contract to the rows of Mission Control.
 * Resources.ts and Events.ts use it.
 */
import type { LogEntry } from "../../domain/Log.ts"
import type { DocumentContent } from "../../domain/Memory.ts"
import { describe } from "../../domain/Attachment.ts"
import type { Message } from "../../domain/Message.ts"
import type { Session } from "../../domain/Session.ts"
import { cut } from "../../domain/Text.ts"

/** Returns every field of a row, with null for a missing value: clients merge rows by key, field by field. */
export const sessionRow = (session: Session) => ({
  key: session.key,
  kind: session.kind === "" ? "session" : session.kind,
  displayName: session.displayName === "" ? "Unknown" : session.displayName,
  label: session.label,
  updatedAt: session.updatedAt,
  model: session.model,
  contextTokens: session.contextTokens,
  totalTokens: session.totalTokens,
  parentKey: session.parentKey ?? null,
})
export type SessionRow = ReturnType<typeof sessionRow>

export const messageRow = ({ aborted, at, attachments = [], failed, id, role, text, thinking, tool }: Message) => ({
  id,
  role,
  // The dashboard shows texts only.
  content: [...attachments.map(describe), text].filter((line) => line !== "").join("\n"),
  timestamp: at,
  ...(thinking !== undefined && { thinking }),
  ...(tool !== undefined && { tool }),
  ...(aborted === true && { aborted }),
  ...(failed !== undefined && { failed }),
})

/** Adds the time to the entry's id, because the ids of log entries start again at every start of the gateway. */
export const logRow = ({ at, id, level, message, source }: LogEntry) => ({
  id: `log-${at}-${id}`,
  timestamp: at,
  level,
  message,
  source,
})

const MEMORY_CHARS = 5_000

export const memoryRow = ({ content, id, modifiedAt }: DocumentContent) => ({
  id,
  date: id,
  content: cut(content, MEMORY_CHARS),
  lastModified: modifiedAt,
})
