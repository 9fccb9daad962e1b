/**
 * The fields of a session at its creation. Sessions, Runs and MessageInjection use it.
 */
import { type NewSession, preview, type SessionSettings } from "../storage/SessionStore.ts"

interface Origin extends Pick<NewSession, "key" | "agentId" | "createdAt"> {
  readonly channel?: string | undefined
  readonly peerId?: string | undefined
  /** The session whose agent spawns this one. */
  readonly parentKey?: string | undefined
}

/** Returns the fields of a new session. An empty `channel` or `peerId` counts as missing. */
export const newSession = (
  { agentId, channel, createdAt, key, parentKey, peerId }: Origin,
  settings: Partial<SessionSettings> = {},
): NewSession => ({
  key,
  agentId,
  channel: channel || null,
  peerId: peerId || null,
  createdAt,
  kind: peerId ? "direct" : "session",
  displayName: preview(peerId || key),
  label: null,
  model: null,
  thinking: null,
  queue: null,
  parentKey: parentKey ?? null,
  ...settings,
})
