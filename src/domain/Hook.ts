/**
 * Hooks: the options of the HTTP routes by which other programs start runs, `hooks` in the configuration. GatewayConfig
 * holds them, and the folder transport/hooks implements the routes.
 */
import * as Schema from "effect/Schema"
import { AgentId } from "./Agent.ts"
import { NAME_CHARS, nonEmptyText, RUN_MS, SessionKey, text } from "./Bounds.ts"
import { ThinkingLevel } from "./Run.ts"
import { HaveNames, option, optional, secret } from "./Setting.ts"

/** Characters of a template. */
const TEMPLATE_CHARS = 16_384

/** A hook of its own: the requests that it takes, and the message that it makes of them. */
export const HookMapping = Schema.Struct({
  match: option(
    Schema.Struct({
      path: optional(
        nonEmptyText(NAME_CHARS),
        "The path below hooks.path, one segment. Left out: the name of the mapping. The first mapping that matches takes the request.",
      ),
      source: optional(text(NAME_CHARS), "Takes only requests whose body has this text in its field `source`."),
    }),
    {},
    "The requests that the mapping takes.",
  ),
  action: option(
    Schema.Literals(["agent", "wake"]),
    "agent",
    "`agent`: an agent answers the message in a session of its own. `wake`: the text goes to the main session of the agent.",
  ),
  messageTemplate: option(
    text(TEMPLATE_CHARS),
    "{{payload}}",
    "The message of `agent`, with values of the request as {{field}}, {{list[0].field}}, {{headers.name}}, {{query.name}}, {{path}}, {{now}} and {{payload}}. An empty message runs nothing.",
  ),
  textTemplate: option(text(TEMPLATE_CHARS), "{{payload}}", "The text of `wake`, as messageTemplate."),
  name: optional(nonEmptyText(NAME_CHARS), "The name of the sender in the message. Left out: the name of the mapping."),
  agentId: optional(AgentId, "The agent. Left out: `main`."),
  sessionKey: optional(
    nonEmptyText(TEMPLATE_CHARS),
    "The session, a template. Left out: hooks.defaultSessionKey, else a new session for each request.",
  ),
  wakeMode: option(
    Schema.Literals(["now", "next-heartbeat"]),
    "now",
    "For `wake`. `now`: the agent answers at once. `next-heartbeat`: it reads the text before its next answer.",
  ),
  deliver: option(
    Schema.Boolean,
    true,
    "For `agent`: the main session of the agent gets a note with the answer. If false, the answer stays in its session.",
  ),
  model: optional(nonEmptyText(NAME_CHARS), "The model of the session, `provider/model`."),
  thinking: optional(ThinkingLevel, "The thinking level of the session."),
  timeoutSeconds: optional(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: RUN_MS / 1_000 })),
    "How long a run may take, from its acceptance. Left out: no limit but that of all runs.",
  ),
  forEach: optional(
    nonEmptyText(NAME_CHARS),
    "The path of a list in the body, e.g. `messages`. Each item starts a run, 200 at most. Templates have it as {{item}}.",
  ),
  signature: optional(
    Schema.Literals(["standard-webhooks", "github"]),
    "How the sender signs its requests, instead of the token. `standard-webhooks`: the headers webhook-id, webhook-timestamp and webhook-signature. `github`: the header X-Hub-Signature-256.",
  ),
  signingSecret: optional(
    secret("signing secret"),
    "The secret of the signature. Without it, a mapping with `signature` refuses every request.",
  ),
  signingSecretFile: optional(
    Schema.NonEmptyString,
    "A file with the secret on one line. The command line reads it at the start.",
  ),
  signingSecretVariable: optional(
    Schema.NonEmptyString,
    "The environment variable with the secret. The command line reads it at the start.",
  ),
})
export type HookMapping = typeof HookMapping.Type

export const HookSettings = Schema.Struct({
  token: optional(
    secret("hook token"),
    "The secret of hooks that are not signed. Left out: there are only signed hooks. Take another one than the gateway's token, which opens much more.",
  ),
  path: option(
    Schema.String.check(Schema.isPattern(/^(\/[A-Za-z0-9_-]+)+$/, { expected: "a path such as /hooks" })),
    "/hooks",
    "The path of all hooks. Without a token and signed mappings, it does not exist.",
  ),
  defaultSessionKey: optional(
    SessionKey,
    "The session of requests that name none. Left out: each request gets a new session. One session runs its messages one after another and remembers them.",
  ),
  allowRequestSessionKey: option(
    Schema.Boolean,
    false,
    "Whether the body of a request may name the session. A sender could then write into any session, unless allowedSessionKeyPrefixes says otherwise.",
  ),
  allowedSessionKeyPrefixes: option(
    Schema.Array(nonEmptyText(NAME_CHARS)),
    [],
    "The beginnings of the session keys that requests and templates may name. Left out: any.",
  ),
  allowedAgentIds: option(Schema.Array(AgentId), [], "The agents that hooks may use. Left out: all."),
  mappings: option(
    Schema.Record(Schema.String, HookMapping).check(HaveNames),
    {},
    "Hooks of your own by name, at hooks.path/<name>. docs/hooks.md has examples.",
  ),
})
export type HookSettings = typeof HookSettings.Type
