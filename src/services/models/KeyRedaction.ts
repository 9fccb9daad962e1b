/**
 * KeyRedaction: removes API keys from the texts of providers. Providers quote keys in error messages, often masked as
 * `sk-12***34`. Everybody in a conversation sees these messages. ProviderProblems uses it.
 */
import { redact } from "../logs/Redaction.ts"

const HIDDEN = "<redacted>"

/** Characters that end a word in an error message. Dots and asterisks belong to masked keys. */
const SEPARATORS = /([\s"'`,;:()<>[\]{}=])/

/** The beginnings of keys of well-known providers. */
const KEY_PREFIXES = ["sk-", "sk_", "pk-", "gsk_", "xai-", "aiza", "hf_", "nvapi-", "r8_", "pplx-", "fw_", "csk-"]

/** Shorter words with these beginnings are ordinary. */
const MIN_KEY_CHARS = 8

/** This much of a key at either end identifies it. */
const SHOWN_CHARS = 4

const looksLikeKey = (word: string, keys: ReadonlyArray<string>): boolean => {
  if (word.includes("**")) return true
  if (word.length >= MIN_KEY_CHARS && KEY_PREFIXES.some((prefix) => word.toLowerCase().startsWith(prefix))) return true
  const isShortened = word.includes("…") || word.slice(1, -1).includes("...")
  const shown = isShortened ? SHOWN_CHARS : MIN_KEY_CHARS
  return keys.some(
    (key) => key.length > shown && (word.startsWith(key.slice(0, shown)) || word.endsWith(key.slice(-shown))),
  )
}

/** Returns the text without the keys, without masked or shortened forms of them, and without words that look like keys. */
export const withoutKeys = (text: string, keys: ReadonlyArray<string>): string =>
  redact(text, keys)
    .split(SEPARATORS)
    .map((word) => (looksLikeKey(word, keys) ? HIDDEN : word))
    .join("")
