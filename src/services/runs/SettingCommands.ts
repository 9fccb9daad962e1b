/**
 * Runs `/model`, `/think` and `/queue`: shows or changes a setting of the session. ChatCommands uses it.
 */
import * as Effect from "effect/Effect"
import type { Acceptance } from "../../domain/Chat.ts"
import { type ChatCommand, settingText } from "../../domain/ChatCommand.ts"
import { type Session, SessionConflict } from "../../domain/Session.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Agents } from "../agents/Agents.ts"
import { Events } from "../events/Events.ts"
import * as SessionLimit from "../sessions/SessionLimit.ts"
import type { SessionSettings } from "../storage/SessionStore.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import * as Transcript from "../transcript/Transcript.ts"
import * as TurnAcceptance from "./TurnAcceptance.ts"
import type { Refusal, Sent } from "./TurnAcceptance.ts"

export type SettingCommand = Extract<ChatCommand, { readonly name: "model" | "think" | "queue" }>

/** The name of the setting that the command changes. */
const keyOf = { model: "model", think: "thinking", queue: "queue" } as const

const settingsOf = ({ displayName, kind, label, model, queue, thinking }: Session): SessionSettings => ({
  kind,
  displayName,
  label,
  model,
  queue: queue ?? null,
  thinking: thinking ?? null,
})

/** Makes the function that runs such a command. */
export const make = Effect.gen(function* () {
  const acceptance = yield* TurnAcceptance.make
  const agents = yield* Agents
  const events = yield* Events
  const limitFor = yield* SessionLimit.make

  return Effect.fnUntraced(function* ({ name, value }: SettingCommand, sent: Sent) {
    const { createdAt: at, key } = sent.session
    const setting = keyOf[name]
    const inherited = (yield* agents.get(sent.session.agentId))[setting]

    const show = Effect.gen(function* () {
      const session = yield* (yield* Tx).sessions.get(key)
      return yield* acceptance.answer(sent, settingText(name, session?.[setting], inherited))
    })

    /** One transaction checks the key and changes the setting, so a repeated key cannot change it again. */
    const set = Effect.gen(function* (): Effect.fn.Return<Change<Acceptance>, Refusal | StorageUnavailable, Tx> {
      const known = yield* acceptance.repeated(sent)
      if (known !== undefined) return [known, []]
      if (!(yield* Transcript.isExpected(key, sent.expected))) return yield* new SessionConflict({ sessionKey: key })
      const limit = limitFor(key)
      if (limit !== undefined) return yield* limit
      const [, opened] = yield* Transcript.open(sent.session)
      const session = yield* (yield* Tx).sessions.get(key)
      const before = session === undefined ? sent.session : settingsOf(session)
      const [, changed] = yield* Transcript.update(key, { ...before, [setting]: value }, at)
      const [accepted, answered] = yield* acceptance.answer(sent, settingText(name, value, inherited))
      return [accepted, [...opened, ...changed, ...answered]]
    })

    return yield* events.commit(value === undefined ? show : set, { key })
  })
})
