/**
 * AgentProblems: the failures of a command-line agent as sentences that name the agent, the problem and the next step,
 * without secrets. AgentConnection and AgentSession use them.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { AcpAgentSettings } from "../../../domain/AcpAgent.ts"
import { RuntimeFailed } from "../../../domain/Run.ts"
import type { ProblemKind } from "../../../domain/RunError.ts"
import { shortened, withoutTrailing } from "../../../domain/Text.ts"
import { redact } from "../../logs/Redaction.ts"

/** A way to log in that the agent offers. */
export interface LoginMethod {
  readonly id: string
  readonly name?: string | null | undefined
  readonly type?: string | null | undefined
  readonly args?: ReadonlyArray<string> | null | undefined
}

/** The code that ACP gives to requests before a login. */
const LOGIN_REQUIRED = -32_000

export const isLoginRequired = (error: unknown): boolean =>
  Predicate.hasProperty(error, "code") && error.code === LOGIN_REQUIRED

const MESSAGE_CHARS = 1_000

export class AgentProblems {
  /** The name in the configuration. */
  readonly #name: string
  readonly #settings: AcpAgentSettings

  readonly #secrets = new Set<string>()

  /** `secrets`: the values that the agent knows, besides those of its own variables. */
  constructor(name: string, settings: AcpAgentSettings, secrets: ReadonlyArray<Redacted.Redacted> = []) {
    this.#name = name
    this.#settings = settings
    this.hide([...Object.values(settings.env), ...secrets])
  }

  /** Adds values that `clean` removes. */
  hide(secrets: ReadonlyArray<Redacted.Redacted>): void {
    for (const secret of secrets) this.#secrets.add(Redacted.value(secret))
  }

  get runtime(): string {
    return `acp/${this.#name}`
  }

  /** Returns a failure. The detail must have no text of the agent that `clean` has not seen. */
  failed(detail: string, kind?: ProblemKind): RuntimeFailed {
    return new RuntimeFailed({ runtime: this.runtime, detail, ...(kind !== undefined && { kind }) })
  }

  /** Returns a text of the agent without the values of its variables and MCP servers, any of which may be a secret. */
  clean(text: string): string {
    return redact(text, this.#secrets)
  }

  /** Returns the message of an error of the agent, with the details that agents put into its data. */
  #messageOf(error: unknown): string {
    if (!Predicate.hasProperty(error, "message")) return "unknown error"
    const details = Predicate.hasProperty(error, "data") ? detailsOf(error.data) : ""
    const message = details === "" ? String(error.message) : `${String(error.message)}: ${details}`
    return shortened(withoutTrailing(this.clean(message), "."), MESSAGE_CHARS)
  }

  /** Returns the failure of a request that the agent answered with an error. */
  refused(method: string, error: unknown): RuntimeFailed {
    return this.failed(`${this.runtime} failed in ${method}: ${this.#messageOf(error)}`)
  }

  /** Returns the failure of an agent that asks for a login, with the ways to log in. */
  loginRequired(error: unknown, methods: ReadonlyArray<LoginMethod>): RuntimeFailed {
    const { args, command } = this.#settings
    const ways = methods.map((method) => {
      const name = method.name === undefined || method.name === null ? "" : ` (${method.name})`
      const run = method.type === "terminal" ? `: run "${[command, ...args, ...(method.args ?? [])].join(" ")}"` : ""
      return `${method.id}${name}${run}`
    })
    const own = "Log in once with the agent's own program, as the user of the gateway"
    const key = `or give its key in acp.${this.#name}.env or acp.${this.#name}.inherit`
    const offered =
      ways.length === 0 ? "" : `, or set acp.${this.#name}.login to a method that it offers: ${ways.join(", ")}`
    return this.failed(
      `${this.runtime} needs a login: ${this.#messageOf(error)}. ${own}, ${key}${offered}.`,
      "authentication",
    )
  }
}

const detailsOf = (data: unknown): string => {
  if (typeof data === "string") return data
  if (Predicate.hasProperty(data, "details") && typeof data.details === "string") return data.details
  return Predicate.hasProperty(data, "message") && typeof data.message === "string" ? data.message : ""
}
