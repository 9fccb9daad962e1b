/**
 * ProcessEnvironment: the environment variables of the programs that the gateway starts. They get the variables that every
 * program needs and those that the configuration names. They never get the gateway's own secrets. SupervisedProcess uses it.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** Variables by name. The values may be secrets. */
export type Variables = Readonly<Record<string, Redacted.Redacted<string>>>

/** The user, the language, the folders, the proxies and the certificates. */
const ALWAYS = [
  ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"],
  ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"],
  ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"],
  ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"],
].flat()

/**
 * Returns the variables of a program: those of the gateway's environment that every program gets or that `inherit` names,
 * and those of `own`, which win.
 */
export const environmentFor = Effect.fnUntraced(function* (own: Variables, inherit: ReadonlyArray<string> = []) {
  const variables: Record<string, string> = {}
  for (const name of [...ALWAYS, ...inherit]) {
    const value = yield* Effect.orElseSucceed(Config.option(Config.String(name)), Option.none<string>)
    if (Option.isSome(value)) variables[name] = value.value
  }
  for (const [name, value] of Object.entries(own)) variables[name] = Redacted.value(value)
  return variables
})
