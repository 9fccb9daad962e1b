/**
 * Answers: checks the answers to a question, separates the secret ones, and reads answers that people type. The functions
 * are pure. The service Questions, the chat command `/answer` and the command line use them.
 */
import type { Answers, QuestionPart } from "./Question.ts"

type Parts = ReadonlyArray<QuestionPart>

const quoted = (labels: ReadonlyArray<{ readonly label: string }>): string =>
  labels.map(({ label }) => `"${label}"`).join(", ")

/** Returns why the parts make no question, or `undefined`. */
export const partsProblem = (parts: Parts): string | undefined => {
  const keys = new Set(parts.map(({ key }) => key))
  if (keys.size < parts.length) return "Two parts have the same key. Give each part a key of its own."
  const secret = parts.find(({ isMultiple, isSecret, options }) => isSecret && (isMultiple || options.length > 0))
  return secret && `The part "${secret.key}" is secret, so it can have neither options nor several answers.`
}

const partProblem = ({ isFree, isMultiple, key, options }: QuestionPart, given: ReadonlyArray<string>) => {
  if (given.length === 0) return `The part "${key}" has no answer.`
  if (given.length > 1 && !isMultiple) return `The part "${key}" takes one answer.`
  if (given.some((answer) => answer.trim() === "")) return `An answer to the part "${key}" is empty.`
  if (new Set(given).size < given.length) return `The part "${key}" has the same answer twice.`
  if (options.length === 0 || isFree) return undefined
  const isOption = (answer: string) => options.some(({ label }) => label === answer)
  return given.every(isOption) ? undefined : `The part "${key}" takes ${quoted(options)} only.`
}

/** Returns why the answers do not fit the parts, or `undefined`. The text never shows an answer. */
export const answersProblem = (parts: Parts, answers: Answers): string | undefined => {
  const keys = parts.map(({ key }) => key)
  if (Object.keys(answers).some((key) => !keys.includes(key)))
    return `The question has the parts ${keys.join(", ")} only.`
  for (const part of parts) {
    const problem = partProblem(part, Object.hasOwn(answers, part.key) ? (answers[part.key] ?? []) : [])
    if (problem !== undefined) return problem
  }
  return undefined
}

export interface SeparatedAnswers {
  /** The answers that everybody may see. */
  readonly open: Answers
  readonly secret: Answers
}

export const separate = (parts: Parts, answers: Answers): SeparatedAnswers => {
  const secretKeys = new Set(parts.filter(({ isSecret }) => isSecret).map(({ key }) => key))
  const pick = (isSecret: boolean) =>
    Object.fromEntries(Object.entries(answers).filter(([key]) => secretKeys.has(key) === isSecret))
  return { open: pick(false), secret: pick(true) }
}

export const hasSecrets = (parts: Parts): boolean => parts.some(({ isSecret }) => isSecret)

/** Returns the label that a person means: its text in any case, or its number. Else the text itself. */
const labelOf = ({ options }: QuestionPart, typed: string): string => {
  const word = typed.trim()
  const named = options.find(({ label }) => label.toLowerCase() === word.toLowerCase())
  return (named ?? options[/^[0-9]{1,2}$/.test(word) ? Number(word) - 1 : -1])?.label ?? word
}

const typedAnswers = (part: QuestionPart, text: string): ReadonlyArray<string> => {
  if (part.isSecret) return [text]
  return (part.isMultiple ? text.split(",") : [text]).map((word) => labelOf(part, word)).filter((word) => word !== "")
}

/** Returns the texts after `key=` for each part, up to the next `key=`. */
const textsByKey = (parts: Parts, text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  let current: string | undefined
  for (const word of text.trim().split(/\s+/)) {
    const at = word.indexOf("=")
    const key = parts.find((part) => part.key === word.slice(0, Math.max(at, 0)) && !found.has(part.key))?.key
    if (key !== undefined) {
      current = key
      found.set(key, word.slice(at + 1))
    } else if (current !== undefined) {
      found.set(current, `${found.get(current)} ${word}`)
    }
  }
  return found
}

/**
 * Returns the answers that a person types: the answer itself to a question of one part, else `key=answer` for each part.
 * Commas separate several answers. An option can be given by its number.
 */
export const typed = (parts: Parts, text: string): Answers => {
  const [first, ...others] = parts
  if (first === undefined) return {}
  const texts = textsByKey(parts, text)
  if (others.length === 0 && (first.isSecret || texts.size === 0)) return { [first.key]: typedAnswers(first, text) }
  return Object.fromEntries(
    parts.flatMap((part) => {
      const text = texts.get(part.key)
      return text === undefined ? [] : [[part.key, typedAnswers(part, text)]]
    }),
  )
}

/** Returns the parts for a person to read: each text, and each option with its number. */
export const questionLines = (parts: Parts): ReadonlyArray<string> =>
  parts.flatMap(({ isFree, isMultiple, isSecret, key, options, text }) => [
    parts.length === 1 ? text : `${key}: ${text}`,
    ...options.map(
      ({ description = "", label }, index) => `  ${index + 1}. ${label}${description === "" ? "" : `: ${description}`}`,
    ),
    ...(isMultiple ? ["  Several answers are possible. Separate them by commas."] : []),
    ...(isFree && options.length > 0 ? ["  Another answer is possible."] : []),
    ...(isSecret ? ["  The answer is secret."] : []),
  ])
